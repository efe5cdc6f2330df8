// What surrounds every page: who is signed in, the colours, and where problems are shown.

import { Problem, address, call, keep, key, onSignIn, token } from "./api.js";
import { all, announce, button, field, h, one } from "./dom.js";

const THEME = "groundwork-theme";
const ROLES = ["reader", "contributor", "reviewer", "administrator"];

/** Begin a page: sign in where need be, then call `show(main, me)`. */
export async function start(show) {
  onSignIn(askForKey);
  one("#who").append(themeButton());
  const main = one("#main");
  try {
    const me = await call("/v1/me");
    welcome(me);
    await show(main, me);
  } catch (error) {
    main.append(trouble(error));
  }
}

/** Whether a role may do what `needed` may. */
export const allows = (role, needed) => ROLES.indexOf(role) >= ROLES.indexOf(needed);

/** A problem as it is shown where it happened. */
export function trouble(error) {
  if (error.name === "AbortError") return "";
  if (!(error instanceof Problem) && !(error instanceof TypeError)) console.error(error);
  const text = error instanceof TypeError ? "The server cannot be reached. Try again." : error.message;
  return h("p", { class: "trouble", role: "alert" }, text);
}

/** Do something, showing in `place` what goes wrong; gives the result, undefined after a problem. */
export async function attempt(place, act) {
  place.replaceChildren();
  try {
    return await act();
  } catch (error) {
    place.append(trouble(error));
    return undefined;
  }
}

function welcome(me) {
  for (const link of all("nav [data-needs]")) {
    link.hidden = !allows(me.role, link.dataset.needs);
  }
  one("nav [aria-current]")?.scrollIntoView({ behavior: "instant", block: "nearest", inline: "center" });
  one("#who").prepend(
    h("span", { class: "user", title: `role: ${me.role}` }, me.user),
    button("Sign out", leave, { class: "plain" }),
  );
}

async function leave() {
  if (key()) keep(null);
  else if (token()) await call("/v1/logout", { method: "POST", body: {} }).catch(() => {});
  location.reload();
}

function themeButton() {
  const dark = () => (document.documentElement.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const say = () => `Switch to ${dark() ? "light" : "dark"} colours`;
  const icon = h("span", { "aria-hidden": "true" }, "◐");
  const made = h("button", { type: "button", class: "plain icon", "aria-label": say(), title: say() }, icon);
  made.addEventListener("click", () => {
    const theme = dark() ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    localStorage.setItem(THEME, theme);
    made.title = say();
    made.setAttribute("aria-label", say());
  });
  return made;
}

let asking = null;

/** Ask for an API key in a dialog; several requests that fail together share one. */
function askForKey(problem) {
  asking ??= new Promise((resolve) => {
    const input = h("input", { type: "password", autocomplete: "off", required: true, name: "key" });
    const wrong = h("div", {}, key() ? h("p", { class: "trouble", role: "alert" }, problem.message) : null);
    const form = h("form", { method: "dialog" },
      h("h2", { id: "sign-in" }, "Sign in"),
      field("API key", input, ["It is kept until you close this tab. Where Groundwork runs, ", h("code", {}, "rag keys create --role reader --user NAME"), " makes one."]),
      wrong,
      h("p", {}, h("button", { class: "main" }, "Sign in")),
      h("p", {}, h("a", { href: address("/login", { next: location.pathname + location.search }) }, "Sign in with a password instead")));
    const dialog = h("dialog", { "aria-labelledby": "sign-in" }, form);
    form.addEventListener("submit", () => {
      keep(input.value.trim());
      announce("Signing in");
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      asking = null;
      resolve(dialog.returnValue !== "cancelled");
    });
    dialog.addEventListener("cancel", () => (dialog.returnValue = "cancelled"));
    document.body.append(dialog);
    dialog.showModal();
    input.focus();
  });
  return asking;
}
