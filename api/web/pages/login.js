// Signing in with a user's name and password; then on to where one was going.

import { call, keep } from "../api.js";
import { field, h, one } from "../dom.js";
import { attempt } from "../shell.js";

/** Where to go on: a page of ours, whatever stands in the address. */
function next() {
  const wanted = new URL(new URLSearchParams(location.search).get("next") || "/ask", location.origin);
  return wanted.origin === location.origin && wanted.pathname !== location.pathname ? wanted.pathname + wanted.search : "/ask";
}

const user = h("input", { name: "user", autocomplete: "username", required: true, autocapitalize: "none", spellcheck: "false" });
const password = h("input", { name: "password", type: "password", autocomplete: "current-password", required: true });
const wrong = h("div", {});
const form = h("form", { method: "post" },
  field("User", user),
  field("Password", password, "`rag users password NAME` gives one."),
  wrong,
  h("p", {}, h("button", { class: "main" }, "Sign in")));

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = { user: user.value.trim(), password: password.value };
  const login = await attempt(wrong, () => call("/v1/login", { method: "POST", body }));
  if (!login) {
    password.select();
    return;
  }
  keep(null);
  location.assign(next());
});

one("#main").append(form);
user.focus();
