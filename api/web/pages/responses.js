// Responses: what was asked and answered, found by a query.

import { address, call, list, send } from "../api.js";
import { announce, button, field, h, moment, number, percent, save, select } from "../dom.js";
import { QueryBar, SavedViews } from "../query.js";
import { attempt, start } from "../shell.js";

const PAGE = 50;
const SHOWN_CHARACTERS = 160;
const COLUMNS = "groundwork-columns"; // the scores that are columns, kept on this device
const FIRST_COLUMNS = ["overall"];
const FORMATS = { responses: ["jsonl", "csv", "parquet"], scores: ["jsonl", "csv", "parquet"], corrections: ["jsonl", "csv", "parquet"], chat: ["jsonl"] };

class Responses {
  constructor(main, corpora) {
    this.bar = new QueryBar(this.asked("q"), { go: (query) => this.go(query, this.order), corpora, models: [] });
    this.views = new SavedViews({ current: () => this.bar.query, show: async (query) => { await this.bar.show(query); this.go(query, this.order); } });
    this.columns = new Columns(() => this.draw());
    this.trouble = h("div", {});
    this.heads = h("tr", {});
    this.rows = h("tbody", {});
    this.more = button("More", () => this.fetch(), { hidden: true });
    this.none = h("p", { class: "note", hidden: true }, "No response matches.");
    main.append(this.bar.bar, h("div", { class: "with-side" },
      h("div", { class: "aside" }, this.bar.side, this.columns.element, this.views.element),
      h("div", { class: "middle" }, this.trouble,
        h("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Responses" },
          h("table", { class: "log" }, h("caption", { class: "unseen" }, "Responses"), h("thead", {}, this.heads), this.rows)),
        this.none, h("p", { class: "row" }, this.more), this.exporter())));
    addEventListener("popstate", () => this.follow());
  }

  asked(name) {
    return new URLSearchParams(location.search).get(name) ?? "";
  }

  /** Show what the address asks for. */
  async follow() {
    if (await this.bar.show(this.asked("q"))) await this.load(this.asked("q"), this.asked("order"));
  }

  go(query, order) {
    if (query !== this.asked("q") || order !== this.asked("order")) history.pushState(null, "", address("/responses", { q: query, order }));
    return this.load(query, order);
  }

  async load(query, order) {
    Object.assign(this, { query, order, cursor: null, found: [] });
    this.draw();
    await this.fetch();
  }

  async fetch() {
    const { query, order } = this;
    const page = await attempt(this.trouble, () => call(address("/v1/responses", { q: query, order, limit: PAGE, cursor: this.cursor })));
    if (!page || query !== this.query || order !== this.order) return;
    const first = this.found.length;
    this.found.push(...page.responses);
    this.cursor = page.next;
    this.more.hidden = !page.next;
    this.none.hidden = this.found.length > 0;
    for (const { model, scores } of page.responses) {
      this.bar.offer("model", model);
      this.columns.offer(Object.keys(scores));
    }
    this.draw();
    announce(`${this.found.length} responses are shown${page.next ? "; there are more" : ""}`);
    if (first) this.rows.children[first]?.querySelector("a")?.focus();
  }

  /** Write the table anew from what was fetched. */
  draw() {
    const { chosen } = this.columns;
    const focused = document.activeElement?.dataset.by;
    this.heads.replaceChildren(
      this.head("Asked", ""), head("User"), head("Question"), head("Answer"), this.head("Probability", "probability"),
      ...chosen.map((name) => this.head(name.replaceAll("_", " "), `score.${name}`)), this.head("Time", "latency"), head("Corpus"));
    if (focused !== undefined) this.heads.querySelector(`[data-by="${focused}"]`)?.focus();
    this.rows.replaceChildren(...this.found.map((response) => row(response, chosen)));
  }

  /** A head that orders the table: by the lowest first, then by the highest first. */
  head(text, by) {
    const direction = { [by]: "ascending", [`-${by}`]: "descending" }[this.order] ?? "none";
    const next = by && direction === "ascending" ? `-${by}` : by;
    const order = () => this.go(this.query, next);
    const shown = by ? direction : this.order ? "none" : "descending";
    return h("th", { scope: "col", "aria-sort": shown }, button(text, order, { class: "sort", data: { by } }));
  }

  /** What of the responses shown is taken away, and how. */
  exporter() {
    const what = select([["responses", "responses"], ["scores", "scores"], ["corrections", "corrections"], ["chat", "conversations for training"]]);
    const format = select(FORMATS.responses);
    const anonymise = h("input", { type: "checkbox" });
    what.addEventListener("change", () => format.replaceChildren(...select(FORMATS[what.value]).children));
    const form = h("form", { class: "row low" }, field("Take away", what), field("As", format),
      h("label", { class: "check" }, anonymise, "Anonymised"), h("button", {}, "Download"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      attempt(this.trouble, async () => {
        const response = await send(address(`/v1/exports/${what.value}`, { q: this.query, format: format.value, anonymise: anonymise.checked || null }));
        save(await response.blob(), `${what.value}.${format.value}`);
      });
    });
    return form;
  }
}

/** Which scores are columns. */
class Columns {
  constructor(changed) {
    this.changed = changed;
    this.seen = new Map();
    this.boxes = h("div", {});
    this.element = h("details", {}, h("summary", {}, "Columns"), this.boxes);
    this.offer(this.kept);
  }

  get kept() {
    try {
      return JSON.parse(localStorage.getItem(COLUMNS)) ?? FIRST_COLUMNS;
    } catch {
      return FIRST_COLUMNS;
    }
  }

  get chosen() {
    return [...this.seen].filter(([, box]) => box.checked).map(([name]) => name);
  }

  /** Scores that responses are known to have. */
  offer(names) {
    for (const name of names) {
      if (this.seen.has(name)) continue;
      const box = h("input", { type: "checkbox", checked: this.kept.includes(name) });
      box.addEventListener("change", () => {
        localStorage.setItem(COLUMNS, JSON.stringify(this.chosen));
        this.changed();
      });
      this.seen.set(name, box);
      this.boxes.append(h("label", { class: "check" }, box, name.replaceAll("_", " ")));
    }
  }
}

const head = (text) => h("th", { scope: "col" }, text);

function row(response, columns) {
  const answer = response.abstained ? h("span", { class: "tag warn" }, "abstained") : shortened(response.answer);
  return h("tr", {},
    h("td", {}, moment(response.created_at)),
    h("td", { class: "name" }, response.user),
    h("td", {}, h("a", { class: "long", href: `/responses/${response.id}` }, shortened(response.question))),
    h("td", {}, h("span", { class: "long" }, answer)),
    h("td", { class: "figure" }, percent(response.answerable_probability)),
    columns.map((name) => h("td", { class: "figure" }, scored(response.scores[name]))),
    h("td", { class: "figure" }, response.total_ms === null ? "–" : `${number(response.total_ms, 0)} ms`),
    h("td", { class: "name" }, response.corpus ?? h("span", { class: "note" }, "deleted")));
}

function scored(value) {
  if (value === undefined) return "–";
  return typeof value === "boolean" ? (value ? "yes" : "no") : typeof value === "number" ? number(value) : shortened(value);
}

function shortened(text) {
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}

start(async (main) => {
  const corpora = await list("/v1/corpora", "corpora", { limit: 500 });
  await new Responses(main, corpora.map((corpus) => corpus.name)).follow();
});
