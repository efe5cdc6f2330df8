// Responses: what was asked and answered, found by a query.

import { address, call, list, send } from "../api.js";
import { announce, button, h, moment, percent, save } from "../dom.js";
import { QueryBar, SavedViews } from "../query.js";
import { attempt, start } from "../shell.js";

const PAGE = 50;
const SHOWN_CHARACTERS = 160;

class Responses {
  constructor(main, corpora) {
    this.bar = new QueryBar(this.asked(), { go: (query) => this.go(query), corpora, models: [] });
    this.views = new SavedViews({ current: () => this.bar.query, show: async (query) => { await this.bar.show(query); this.go(query); } });
    this.trouble = h("div", {});
    this.rows = h("tbody", {});
    this.more = button("More", () => this.fetch(), { hidden: true });
    this.none = h("p", { class: "note", hidden: true }, "No response matches.");
    const heads = ["Asked", "User", "Question", "Answer", "Probability", "Corpus"];
    main.append(this.bar.bar, h("div", { class: "with-side" },
      h("div", { class: "aside" }, this.bar.side, this.views.element),
      h("div", { class: "middle" }, this.trouble,
        h("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Responses" },
          h("table", { class: "log" },
            h("caption", { class: "unseen" }, "Responses, the newest first"),
            h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))), this.rows)),
        this.none, h("p", { class: "row" }, this.more, button("Download", () => this.download(), { class: "plain" })))));
    addEventListener("popstate", () => this.follow());
  }

  asked() {
    return new URLSearchParams(location.search).get("q") ?? "";
  }

  /** Show what the address asks for. */
  async follow() {
    if (await this.bar.show(this.asked())) await this.load(this.asked());
  }

  go(query) {
    if (query !== this.asked()) history.pushState(null, "", address("/responses", { q: query }));
    return this.load(query);
  }

  async load(query) {
    this.query = query;
    this.cursor = null;
    this.rows.replaceChildren();
    await this.fetch();
  }

  async fetch() {
    const query = this.query;
    const page = await attempt(this.trouble, () => call(address("/v1/responses", { q: query, limit: PAGE, cursor: this.cursor })));
    if (!page || query !== this.query) return;
    const first = this.rows.childElementCount;
    this.rows.append(...page.responses.map(row));
    this.cursor = page.next;
    this.more.hidden = !page.next;
    this.none.hidden = this.rows.childElementCount > 0;
    for (const { model } of page.responses) this.bar.offer("model", model);
    announce(`${this.rows.childElementCount} responses are shown${page.next ? "; there are more" : ""}`);
    if (first) this.rows.children[first]?.querySelector("a")?.focus();
  }

  async download() {
    await attempt(this.trouble, async () => {
      const response = await send(address("/v1/responses/export", { q: this.query }), { accept: "application/jsonl" });
      save(await response.blob(), "responses.jsonl");
    });
  }
}

function row(response) {
  const answer = response.abstained ? h("span", { class: "tag warn" }, "abstained") : shortened(response.answer);
  return h("tr", {},
    h("td", {}, moment(response.created_at)),
    h("td", { class: "name" }, response.user),
    h("td", {}, h("a", { class: "long", href: `/responses/${response.id}` }, shortened(response.question))),
    h("td", {}, h("span", { class: "long" }, answer)),
    h("td", { class: "figure" }, percent(response.answerable_probability)),
    h("td", { class: "name" }, response.corpus ?? h("span", { class: "note" }, "deleted")));
}

function shortened(text) {
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}

start(async (main) => {
  const corpora = await list("/v1/corpora", "corpora", { limit: 500 });
  await new Responses(main, corpora.map((corpus) => corpus.name)).follow();
});
