// The query over the log: a line of text that the server explains, and a sidebar that says the same.

import { address, call } from "./api.js";
import { button, field, fresh, h, select } from "./dom.js";

/** The query bar and its sidebar; `go(query)` is called when the query was changed and can be used. */
export class QueryBar {
  constructor(query, { go, corpora, models }) {
    this.go = go;
    this.input = h("input", { type: "search", value: query, maxlength: "2000", spellcheck: "false", autocomplete: "off", placeholder: 'user:ada abstained:true probability:<0.5 since:7d text:"refund"' });
    this.fault = h("p", { class: "fault", id: fresh("fault"), role: "alert" });
    this.input.setAttribute("aria-describedby", this.fault.id);
    this.form = h("form", { role: "search", class: "query" }, field("Query", this.input), h("button", { class: "main" }, "Show"));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    this.bar = h("div", {}, this.form, this.fault);
    this.fields = h("dl", { class: "help" });
    this.side = h("form", { class: "side", "aria-label": "Filters" }, this.controls(corpora, models),
      h("details", {}, h("summary", {}, "All fields"), this.fields));
    this.side.addEventListener("submit", (event) => event.preventDefault());
  }

  controls(corpora, models) {
    const any = ["", "any"];
    const tristate = [any, ["true", "yes"], ["false", "no"]];
    this.controlled = {
      since: select([any, ["1h", "last hour"], ["1d", "last day"], ["7d", "last week"], ["4w", "last four weeks"]]),
      corpus: select([any, ...corpora]),
      model: select([any, ...models]),
      user: h("input", { type: "text" }),
      abstained: select(tristate),
      thumb: select([any, ["up", "good"], ["down", "bad"], ["any", "either"]]),
      commented: select(tristate),
      corrected: select(tristate),
      reviewed: select(tristate),
    };
    const labels = { since: "Asked in the", thumb: "Verdict" };
    return Object.entries(this.controlled).map(([name, control]) => {
      control.addEventListener("change", () => this.set(name, control.value.trim()));
      return field(labels[name] ?? name[0].toUpperCase() + name.slice(1), control);
    });
  }

  get query() {
    return this.input.value.trim();
  }

  /** Show a query, as if it had been typed. */
  async show(query) {
    this.input.value = query;
    return this.explain();
  }

  async submit() {
    if (await this.explain()) this.go(this.query);
  }

  /** Ask the server what the query says; gives whether it can be used. */
  async explain() {
    const said = await call(address("/v1/responses/query", { q: this.query }));
    this.terms = said.terms;
    this.showFault(said.fault);
    this.fields.replaceChildren(...said.fields.map((known) => h("div", {}, h("dt", {}, h("code", {}, known.example)), h("dd", {}, known.means))));
    if (!said.fault) this.mirror();
    return !said.fault;
  }

  showFault(fault) {
    this.input.setAttribute("aria-invalid", String(Boolean(fault)));
    this.fault.replaceChildren();
    if (!fault) return;
    const characters = Array.from(this.query);
    const at = (start, end) => characters.slice(start, end).join("");
    this.fault.append(
      h("span", { class: "mono" }, at(0, fault.start), h("mark", {}, at(fault.start, fault.end) || " "), at(fault.end)),
      h("br"), fault.reason);
  }

  mirror() {
    for (const [name, control] of Object.entries(this.controlled)) {
      const [term, ...more] = this.terms.filter((known) => known.field === name && !known.operator);
      const plain = term && !more.length && term.values.length === 1;
      let value = plain ? term.values[0] : "";
      if (plain && term.negated) value = { true: "false", false: "true" }[value] ?? "";
      if (control.tagName === "SELECT" && value) this.offer(name, value);
      control.value = value;
    }
  }

  /** Another value that a field is known to have. */
  offer(name, value) {
    const control = this.controlled[name];
    if (![...control.options].some((option) => option.value === value)) control.append(h("option", { value }, value));
  }

  /** Put a value in the place of what the query says of a field; an empty one takes it away. */
  async set(name, value) {
    if (!(await this.explain())) return;
    const characters = Array.from(this.input.value.trimStart());
    const kept = [];
    for (const term of this.terms) {
      if (term.field !== name) kept.push(characters.slice(term.start, term.end).join(""));
    }
    if (value) kept.push(`${name}:${quoted(value)}`);
    this.input.value = kept.join(" ");
    await this.submit();
  }
}

const quoted = (value) => (/^[\w.-]+$/.test(value) ? value : `"${value.replace(/["\\]/g, "\\$&")}"`);

/** Queries that are kept on this device under names. */
export class SavedViews {
  constructor({ current, show }) {
    this.current = current;
    this.list = h("ul", { class: "views" });
    this.name = h("input", { type: "text", maxlength: "60", required: true });
    const form = h("form", { class: "row low" }, field("Save this view as", this.name), h("button", {}, "Save"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.keep([...this.saved.filter((view) => view.name !== this.name.value), { name: this.name.value, query: current() }]);
      this.name.value = "";
    });
    this.element = h("details", { class: "saved" }, h("summary", {}, "Saved views"), this.list, form);
    this.show = show;
    this.render();
  }

  get saved() {
    try {
      return JSON.parse(localStorage.getItem("groundwork-views")) ?? [];
    } catch {
      return [];
    }
  }

  keep(views) {
    localStorage.setItem("groundwork-views", JSON.stringify(views));
    this.render();
  }

  render() {
    this.list.replaceChildren(...this.saved.map((view) => h("li", {},
      button(view.name, () => this.show(view.query), { class: "plain", title: view.query }),
      button("×", () => this.keep(this.saved.filter((other) => other.name !== view.name)), { class: "plain icon", "aria-label": `Forget ${view.name}` }))));
  }
}
