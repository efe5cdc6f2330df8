// Elements are made here and nowhere else. Whatever is data becomes a text node or an attribute, never markup.

/** An element. `on` are listeners, `data` its data- attributes; null and false leave an attribute out. */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** An element of SVG, made like those of `h`. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [event, act] of Object.entries(value)) element.addEventListener(event, act);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** The first element that matches, of the document or of `root`. */
export const one = (selector, root = document) => root.querySelector(selector);

/** All elements that match, as an array. */
export const all = (selector, root = document) => [...root.querySelectorAll(selector)];

let numbers = 0;
/** An id that no other element has. */
export const fresh = (name) => `${name}-${(numbers += 1)}`;

/** A form field with its label above, and its hint below. */
export function field(label, control, hint = null) {
  control.id ||= fresh("field");
  const note = hint && h("span", { class: "hint", id: fresh("hint") }, hint);
  if (note) control.setAttribute("aria-describedby", note.id);
  return h("p", { class: "field" }, h("label", { for: control.id }, label), control, note);
}

/** A choice among options, each a text or [value, text]. */
export function select(options, chosen, attributes = {}) {
  const pairs = options.map((option) => (Array.isArray(option) ? option : [option, option]));
  return h("select", attributes, pairs.map(([value, text]) => h("option", { value, selected: value === chosen }, text)));
}

/** A button. */
export const button = (text, act, attributes = {}) => h("button", { type: "button", on: { click: act }, ...attributes }, text);

/** A table with a caption for screen readers; rows are arrays of cells. */
export function table(caption, heads, rows) {
  return h("div", { class: "wide", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {},
      h("caption", { class: "unseen" }, caption),
      h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
      h("tbody", {}, rows.map((cells) => h("tr", {}, cells.map((cell) => h("td", {}, cell)))))));
}

/** Tell those who cannot see the page what has happened. */
export function announce(text) {
  one("#announcer").textContent = text;
}

/** A date and time as people of this place write it, with the exact moment behind it. */
export function moment(text) {
  if (!text) return "";
  const date = new Date(text);
  const shown = date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  return h("time", { datetime: text, title: text }, shown);
}

/** Let the person keep a blob as a file of this name. */
export function save(blob, name) {
  const link = h("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** A number with as many digits as help; a dash where there is none. */
export function number(value, digits = 2) {
  return value === null || value === undefined ? "–" : value.toLocaleString(undefined, { maximumFractionDigits: digits });
}

/** A share as a percentage. */
export const percent = (share) => (share === null || share === undefined ? "–" : `${Math.round(share * 100)} %`);
