// API keys: made, shown once, revoked.

import { call } from "../api.js";
import { announce, button, field, h, moment, select } from "../dom.js";
import { Listing } from "../listing.js";
import { attempt, start } from "../shell.js";

const ROLES = ["reader", "contributor", "reviewer", "administrator"];
const VERBS = ["read", "ask", "ingest", "review", "administer"];

const heldTo = (key) => [key.corpora && key.corpora.join(", "), key.verbs && key.verbs.join(", ")].filter((part) => part !== null).map((part) => part || "nothing").join(": ");

function maker(made) {
  const trouble = h("div", {});
  const shown = h("div", { role: "status" });
  const user = h("input", { type: "text", required: true, maxlength: "200" });
  const role = select(ROLES);
  const until = h("input", { type: "date" });
  const corpora = h("input", { type: "text", placeholder: "all" });
  const verbs = VERBS.map((verb) => h("label", { class: "check" }, h("input", { type: "checkbox", value: verb }), verb));
  const bounds = h("details", {}, h("summary", {}, "Hold it to less than its user may"),
    field("Corpora", corpora, "Names with commas between; empty: all that the user may read"),
    h("fieldset", {}, h("legend", {}, "Only to (none: all that the role allows)"), verbs));
  const form = h("form", {}, h("div", { class: "row low" }, field("User", user), field("Role", role), field("Good until (if it should end)", until), h("button", { class: "main" }, "Make a key")), bounds);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(trouble, async () => {
      const expires = until.value ? new Date(`${until.value}T00:00:00`).toISOString() : null;
      const names = corpora.value.split(",").map((name) => name.trim()).filter(Boolean);
      const only = verbs.map((label) => label.firstChild).filter((box) => box.checked).map((box) => box.value);
      const body = { user: user.value.trim(), role: role.value, expires_at: expires, corpora: names.length ? names : null, verbs: only.length ? only : null };
      const { key } = await call("/v1/keys", { method: "POST", body });
      shown.replaceChildren(h("div", { class: "card" }, h("p", {}, h("strong", {}, "The new key. It is shown only this once:")), h("p", {}, h("code", {}, key))));
      form.reset();
      await made();
    });
  });
  return h("section", {}, form, trouble, shown);
}

function state(key) {
  if (key.revoked_at) return h("span", { class: "tag bad" }, "revoked");
  if (key.expires_at && new Date(key.expires_at) < new Date()) return h("span", { class: "tag warn" }, "expired");
  return h("span", { class: "tag good" }, "good");
}

start(async (main) => {
  const revoke = (key) => async () => {
    if (!confirm(`Revoke the key ${key.prefix}… of ${key.user}? Programs that use it stop working.`)) return;
    await attempt(listing.trouble, async () => {
      await call(`/v1/keys/${key.id}`, { method: "DELETE" });
      announce("Key revoked");
    });
    await listing.load();
  };
  const listing = new Listing("Keys", ["Key", "User", "Role", "Held to", "State", "Made", "Good until", "Action"], {
    path: "/v1/keys", name: "keys",
    row: (key) => [h("code", {}, `${key.prefix}…`), key.user, key.role, heldTo(key), state(key), moment(key.created_at), moment(key.expires_at),
      key.revoked_at ? "" : button("Revoke", revoke(key), { class: "small", "aria-label": `Revoke ${key.prefix} of ${key.user}` })],
  });
  main.append(maker(() => listing.load()), listing.element);
  await listing.load();
});
