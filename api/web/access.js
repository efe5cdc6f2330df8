// Who may use a corpus, and who may see a document: lists that those who manage them can change.

import { call } from "./api.js";
import { announce, button, field, h, select } from "./dom.js";
import { attempt } from "./shell.js";

const LEVELS = [["read", "read"], ["write", "read and write"], ["manage", "manage"]];
const words = (text) => [...new Set(text.split(",").map((part) => part.trim()).filter(Boolean))];

/** The list of a corpus; it is asked for when it is opened. */
export function corpusAccess(corpus) {
  const place = h("div", {});
  const element = h("details", {}, h("summary", {}, "Who may use this corpus"), place);
  const path = `/v1/corpora/${encodeURIComponent(corpus)}/access`;
  const show = (access) => place.replaceChildren(corpusForm(access, (body) => call(path, { method: "PUT", body }).then(show)));
  element.addEventListener("toggle", () => {
    if (element.open && !place.childElementCount) attempt(place, async () => show(await call(path)));
  });
  return element;
}

function corpusForm(access, save) {
  const trouble = h("div", {});
  const restricted = h("input", { type: "checkbox", checked: access.restricted });
  const entries = h("ul", { class: "entries" });
  const add = (kind, name, level) => entries.append(entry(kind, name, level));
  for (const kind of ["users", "groups"]) for (const [name, level] of Object.entries(access[kind])) add(kind, name, level);
  const [kind, name, level] = [select([["users", "User"], ["groups", "Group"]]), h("input", { type: "text", maxlength: "200" }), select(LEVELS)];
  const added = () => {
    if (!name.value.trim()) return name.focus();
    add(kind.value, name.value.trim(), level.value);
    name.value = "";
    return name.focus();
  };
  const form = h("form", { class: "card" },
    h("label", { class: "check" }, restricted, "Only those on this list may read it; else everybody may, and contributors may write"),
    entries, h("div", { class: "row low" }, field("User or group", kind), field("Name", name), field("May", level), button("Add", added)),
    trouble, h("p", {}, h("button", { class: "main" }, "Save the list")));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(trouble, async () => {
      const listed = { users: {}, groups: {} };
      for (const each of entries.children) listed[each.dataset.kind][each.dataset.name] = each.querySelector("select").value;
      await save({ restricted: restricted.checked, ...listed });
      announce("The list is saved");
    });
  });
  return form;
}

function entry(kind, name, level) {
  const line = h("li", { class: "row low", data: { kind, name } },
    field(`${kind === "users" ? "User" : "Group"} ${name} may`, select(LEVELS, level)),
    button("Remove", () => line.remove(), { class: "small", "aria-label": `Remove ${name}` }));
  return line;
}

/** The list of a document's own; `done()` is called when it was changed. */
export async function documentReaders(document, done) {
  const path = `/v1/documents/${document.id}/readers`;
  const { readers } = await call(path);
  const trouble = h("div", {});
  const users = h("input", { type: "text", value: (readers?.users ?? []).join(", ") });
  const groups = h("input", { type: "text", value: (readers?.groups ?? []).join(", ") });
  const change = (options, said) => attempt(trouble, async () => {
    await call(path, options);
    announce(said);
    done();
  });
  const form = h("form", { class: "card", tabindex: "-1", "aria-label": `Readers of ${document.title || document.source}` },
    h("h2", {}, `Who may see “${document.title || document.source}”`),
    h("p", { class: "note" }, readers ? "Only these, as far as they may read its corpus, and those who manage it." : "All who may read its corpus. With a list of its own: only those on it, you, and those who manage the corpus."),
    field("Users", users, "With commas between"), field("Groups", groups, "With commas between"), trouble,
    h("p", { class: "row" }, h("button", { class: "main" }, "Show to these only"),
      readers ? button("Show to all again", () => change({ method: "DELETE" }, "The document is shown to all")) : null, button("Cancel", done)));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    change({ method: "PUT", body: { users: words(users.value), groups: words(groups.value) } }, "The list is saved");
  });
  return form;
}
