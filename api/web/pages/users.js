// Users and groups.

import { call, list } from "../api.js";
import { announce, button, field, h, moment, select } from "../dom.js";
import { Listing } from "../listing.js";
import { attempt, start } from "../shell.js";

const ROLES = [["", "as each key says"], "reader", "contributor", "reviewer", "administrator"];

/** A form that sends its fields; those that are empty are sent as null. */
function sender(path, legend, fields, sent) {
  const trouble = h("div", {});
  const form = h("form", { class: "row low" }, Object.entries(fields).map(([, [label, control]]) => field(label, control)), h("button", { class: "main" }, legend));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const body = Object.fromEntries(Object.entries(fields).map(([name, [, control]]) => [name, control.value.trim() || null]));
    attempt(trouble, async () => {
      await call(path, { method: "POST", body });
      form.reset();
      announce("Made");
      await sent();
    });
  });
  return h("details", {}, h("summary", {}, legend), form, trouble);
}

function members(group, users, changed) {
  const trouble = h("div", {});
  const inside = users.filter((user) => user.groups.includes(group.name));
  const outside = users.filter((user) => !user.groups.includes(group.name));
  const path = (user) => `/v1/groups/${group.id}/members/${user}`;
  const act = (method, user) => attempt(trouble, async () => {
    await call(path(user), { method });
    await changed();
  });
  const choice = select(outside.map((user) => [user.id, user.name]), null, { "aria-label": `User to add to ${group.name}` });
  return h("div", {}, trouble,
    h("ul", {}, inside.map((user) => h("li", {}, user.name, " ", button("Take out", () => act("DELETE", user.id), { class: "small", "aria-label": `Take ${user.name} out of ${group.name}` })))),
    outside.length ? h("p", { class: "row" }, choice, button("Add", () => act("PUT", choice.value), { class: "small", "aria-label": `Add the user to ${group.name}` })) : null);
}

start(async (main) => {
  const change = (user, changes) => attempt(listing.trouble, async () => {
    await call(`/v1/users/${user.id}`, { method: "PATCH", body: changes });
    announce("Changed");
    await show();
  });
  const row = (user) => {
    const role = select(ROLES, user.role ?? "", { "aria-label": `Role of ${user.name}` });
    role.addEventListener("change", () => change(user, { role: role.value || null }));
    return [
      h("strong", {}, user.name), user.display_name ?? "", user.email ?? "", role, user.groups.join(", "), moment(user.created_at),
      button(user.disabled ? "Let in again" : "Shut out", () => change(user, { disabled: !user.disabled }), { class: "small", "aria-label": `${user.disabled ? "Let in" : "Shut out"} ${user.name}` })];
  };
  const listing = new Listing("Users", ["User", "Name", "E-mail", "Role", "Groups", "Made", "Action"], { path: "/v1/users", name: "users", row });
  const groups = h("div", {});
  async function show() {
    await listing.load();
    const [users, found] = await Promise.all([list("/v1/users", "users", {}, 5000), list("/v1/groups", "groups")]);
    groups.replaceChildren(...found.map((group) => h("section", { class: "card" }, h("h3", {}, group.name), group.description ? h("p", {}, group.description) : "", members(group, users, show))));
  }
  const text = (attributes = {}) => h("input", { type: "text", maxlength: "200", ...attributes });
  main.append(
    sender("/v1/users", "New user", { name: ["User name", text({ required: true })], display_name: ["Name", text()], email: ["E-mail", text({ type: "email" })], role: ["Role", select(ROLES)] }, show),
    listing.element, h("h2", {}, "Groups"), groups,
    sender("/v1/groups", "New group", { name: ["Name", text({ required: true })], description: ["What it is for", text()] }, show));
  await show();
});
