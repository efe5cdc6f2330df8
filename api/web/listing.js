// A list of the server's as a table that grows by a page at a time.

import { address, call } from "./api.js";
import { announce, button, h } from "./dom.js";
import { attempt } from "./shell.js";

const PAGE = 50;

/** A table of what `path` lists under `name`; `row` makes the cells of an item. */
export class Listing {
  constructor(caption, heads, { path, name, row, parameters = () => ({}), none = "There is nothing here yet." }) {
    Object.assign(this, { caption, path, name, row, parameters });
    this.rows = h("tbody", {});
    this.trouble = h("div", {});
    this.more = button("More", () => this.fetch(), { hidden: true });
    this.none = h("p", { class: "note", hidden: true }, none);
    this.frame = h("div", { class: "wide", tabindex: "0", role: "region", "aria-label": caption },
      h("table", {}, h("caption", { class: "unseen" }, caption),
        h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))), this.rows));
    this.element = h("div", {}, this.trouble, this.frame, this.none, h("p", {}, this.more));
  }

  /** Show the list from its beginning. */
  async load() {
    this.cursor = null;
    this.turn = {};
    this.rows.replaceChildren();
    await this.fetch();
  }

  async fetch() {
    const { turn } = this;
    const page = await attempt(this.trouble, () => call(address(this.path, { ...this.parameters(), limit: PAGE, cursor: this.cursor })));
    if (!page || turn !== this.turn) return;
    const before = this.rows.childElementCount;
    this.rows.append(...page[this.name].map((item) => h("tr", {}, this.row(item).map((cell) => h("td", {}, cell)))));
    this.cursor = page.next;
    this.more.hidden = !page.next;
    const empty = this.rows.childElementCount === 0;
    this.none.hidden = !empty;
    this.frame.hidden = empty;
    announce(`${this.caption}: ${this.rows.childElementCount} shown${page.next ? ", there are more" : ""}`);
    if (before) this.rows.children[before]?.querySelector("a, button")?.focus();
  }
}
