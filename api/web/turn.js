// One question of a conversation and what came of it.

import { abstention, answerText, lightUp, sources, support } from "./answer.js";
import { announce, button, field, h, one } from "./dom.js";
import { feedback } from "./feedback.js";
import { trouble } from "./shell.js";

/**
 * A turn that shows a question. `begin`, `write` and `finish` show the answer as it comes.
 * `edit(text)` is called when the question was changed, `go(number)` to see another version of it.
 */
export class Turn {
  constructor(question, me, { edit, go }) {
    this.me = me;
    this.question = question;
    this.edit = edit;
    this.go = go;
    this.asked = h("div", { class: "asked" });
    this.said = h("div", { class: "said" });
    this.beside = h("div", { class: "beside" });
    this.element = h("article", { class: "turn", "aria-label": `Question: ${question}` },
      h("div", { class: "left" }, this.asked, this.said), this.beside);
    this.showQuestion();
    lightUp(this.element);
  }

  /** Show the question; `versions` says which of how many it is. */
  showQuestion(versions = null) {
    this.versions = versions ?? this.versions ?? { at: 0, of: 1 };
    const { at, of } = this.versions;
    const switcher = of > 1 && h("span", { class: "versions", role: "group", "aria-label": "Versions of this question" },
      button("‹", () => this.go(at - 1), { class: "plain", disabled: at === 0, "aria-label": "Version before" }),
      ` ${at + 1} of ${of} `,
      button("›", () => this.go(at + 1), { class: "plain", disabled: at === of - 1, "aria-label": "Version after" }));
    this.asked.replaceChildren(
      h("h2", { class: "question", dir: "auto" }, this.question),
      h("p", { class: "row" }, button("Edit question", () => this.showEditor(), { class: "plain small" }), switcher));
  }

  showEditor() {
    const area = h("textarea", { rows: "2", maxlength: "4000", required: true, value: this.question });
    const form = h("form", {}, field("Edit question", area, "The answer that is there now stays, as another version."),
      h("p", { class: "row" }, h("button", { class: "main" }, "Ask again"), button("Cancel", () => this.stopEditing())));
    const send = (event) => {
      event.preventDefault();
      const text = area.value.trim();
      if (!text) return;
      this.showQuestion();
      this.edit(text);
    };
    form.addEventListener("submit", send);
    area.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) send(event);
      if (event.key === "Escape") this.stopEditing();
    });
    this.asked.replaceChildren(form);
    area.focus();
  }

  stopEditing() {
    this.showQuestion();
    one("button", this.asked).focus();
  }

  /** The answer is awaited. */
  begin() {
    this.element.setAttribute("aria-busy", "true");
    this.growing = h("p", { class: "answer growing", dir: "auto" });
    this.said.replaceChildren(this.growing, h("p", { class: "note" }, "Searching…"));
  }

  /** These passages will be read. */
  found(hits) {
    one(".note", this.said).textContent = `Reading ${hits.length} ${hits.length === 1 ? "passage" : "passages"}…`;
    this.beside.replaceChildren(sources({ hits, citations: [] }, { label: `Sources of: ${this.question}` }));
  }

  /** A further part of the answer. */
  write(text) {
    this.growing.append(text);
  }

  /** The whole answer. */
  finish(answer, { fresh = true } = {}) {
    this.element.setAttribute("aria-busy", "false");
    const changed = answer.query && answer.query !== this.question;
    this.said.replaceChildren(
      answer.abstained ? abstention(answer) : answerText(answer),
      support(answer) ?? "",
      changed ? h("p", { class: "note" }, `Searched for: ${answer.query}`) : "",
      feedback(answer.response_id, this.me, { known: !fresh }),
      h("p", { class: "note" }, h("a", { href: `/responses/${answer.response_id}` }, "How this answer was made")));
    this.beside.replaceChildren(sources(answer, { label: `Sources of: ${this.question}` }));
    if (!fresh) return;
    this.element.scrollIntoView({ block: "start" });
    announce(answer.abstained ? `Not found in the documents. ${answer.abstain_reason}` : `Answer: ${answer.answer}`);
  }

  /** There is no answer, or not all of it. */
  fail(error) {
    this.element.setAttribute("aria-busy", "false");
    one(".note", this.said)?.remove();
    this.said.append(error.name === "AbortError" ? h("p", { class: "note" }, "Stopped.") : trouble(error));
  }
}
