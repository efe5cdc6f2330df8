// The audit log: who did what, chained so that nothing can be changed unseen.

import { field, h, moment } from "../dom.js";
import { Listing } from "../listing.js";
import { start } from "../shell.js";

start(async (main) => {
  const [actor, action] = [h("input", { type: "text" }), h("input", { type: "text" })];
  const since = h("input", { type: "date" });
  const listing = new Listing("Audit log", ["Number", "Time", "Who", "Did", "To", "Details"], {
    path: "/v1/audit", name: "acts",
    parameters: () => ({ actor: actor.value.trim(), action: action.value.trim(), since: since.value }),
    row: (act) => [String(act.number), moment(act.at), act.actor || h("span", { class: "note" }, "unknown"), act.action, act.object,
      h("span", { class: "long mono" }, Object.entries(act.details).map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`).join(" "))],
  });
  const form = h("form", { class: "row low" }, field("Who", actor), field("Did", action, "Such as key, or key.create"), field("Since", since), h("button", { class: "main" }, "Show"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    listing.load();
  });
  main.append(form, h("p", { class: "note" }, "Each row is chained to the one before it by its hash: ", h("code", {}, "rag audit verify"), " checks them all."), listing.element);
  await listing.load();
});
