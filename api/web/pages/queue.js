// Reviewing a queue: one response after the other, without a mouse where one likes.

import { abstention, answerText, documentLink, placeText, scoreLine } from "../answer.js";
import { call, list } from "../api.js";
import { announce, button, field, h, one } from "../dom.js";
import { difference } from "../diff.js";
import { ScoreControl } from "../scoring.js";
import { count, cut, selected } from "../spans.js";
import { attempt, start } from "../shell.js";

const id = location.pathname.split("/").pop();
const KEYS = "groundwork-review-keys";
const HELP = [["1–9", "choose a value of the marked score"], ["Enter", "save and go on"], ["c", "correct the answer"], ["p", "go to the passages"], ["s", "skip"]];

class Review {
  constructor(main, queue, definitions) {
    this.queue = queue;
    this.definitions = definitions;
    this.trouble = h("div", {});
    this.place = h("div", {});
    this.left = h("p", { class: "note", role: "status" });
    this.keys = h("input", { type: "checkbox", checked: localStorage.getItem(KEYS) !== "off" });
    this.keys.addEventListener("change", () => localStorage.setItem(KEYS, this.keys.checked ? "on" : "off"));
    main.append(h("div", { class: "tools" }, this.left, this.help()), this.trouble, this.place);
    main.addEventListener("keydown", (event) => this.pressed(event));
  }

  help() {
    return h("details", {}, h("summary", {}, "Keys"),
      h("dl", { class: "keys" }, HELP.map(([key, does]) => h("div", {}, h("dt", {}, h("kbd", {}, key)), h("dd", {}, does)))),
      h("label", { class: "check" }, this.keys, "Use single keys"));
  }

  /** Take the next item and show it; until it is there to see, keys do nothing. */
  async next() {
    this.item = null;
    const came = await attempt(this.trouble, async () => {
      const { item, waiting } = await call(`/v1/queues/${id}/next`, { method: "POST" });
      const response = item && (await call(`/v1/responses/${item.response_id}`));
      this.left.textContent = waiting === 1 ? "1 response is left for you" : `${waiting} responses are left for you`;
      this.item = item;
      if (item) this.show(response);
      else this.end("Nothing is left for you in this queue. ", h("a", { href: "/queue" }, "All queues"));
      return true;
    });
    if (!came) this.end(button("Try again", () => this.next()));
  }

  end(...said) {
    this.place.replaceChildren(h("p", { class: "card", tabindex: "-1" }, said));
    this.place.firstChild.focus();
  }

  show(response) {
    this.response = response;
    this.spans = [];
    this.controls = this.definitions.map((definition) => new ScoreControl(definition));
    this.form = h("form", { class: "review", tabindex: "-1", "aria-label": "Your review" },
      this.controls.map((control) => control.element), this.corrector(), this.commentField(),
      h("p", { class: "row" }, h("button", { class: "main" }, "Save and go on"), button("Skip", () => this.skip())));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    this.form.addEventListener("change", () => this.markCurrent());
    const answer = response.body;
    this.place.replaceChildren(h("article", { class: "turn" },
      h("div", { class: "left" },
        h("h2", { class: "question", dir: "auto" }, response.question),
        h("p", { class: "note" }, "by ", response.user, " · ", h("a", { href: `/responses/${response.id}`, target: "_blank", rel: "noopener" }, "how it was made")),
        answer.abstained ? abstention(answer) : answerText(answer), this.form),
      h("div", { class: "beside", id: "passages" }, answer.hits.map((hit) => this.passage(hit, answer.citations)))));
    this.markCurrent();
    this.form.focus({ preventScroll: true });
    scrollTo(0, 0);
    announce(`Question: ${response.question}. Answer: ${response.answer}`);
  }

  commentField() {
    this.comment = h("textarea", { rows: "2", maxlength: "20000" });
    return h("details", {}, h("summary", {}, "Comment"), field("Comment", this.comment));
  }

  corrector() {
    const given = this.response.abstained ? "" : this.response.answer;
    this.answer = h("textarea", { rows: "3", maxlength: "20000", value: given });
    this.changed = h("div", { "aria-live": "polite" });
    this.answer.addEventListener("input", () => {
      this.changed.replaceChildren(this.answer.value.trim() === given ? "" : difference(given, this.answer.value.trim()));
    });
    this.marked = h("ul", { class: "marked" });
    this.correction = h("details", {}, h("summary", {}, "Correct the answer"),
      field("The answer as it should have been", this.answer, "Select text in a passage and press Enter there, or “Mark as source”, to say where it comes from."),
      this.changed, this.marked);
    return this.correction;
  }

  /** A passage in which text can be selected, with the keyboard too: a caret moves in it, but nothing changes. */
  passage(hit, citations) {
    const spans = citations.filter((found) => found.chunk_id === hit.chunk_id).map((found) => ({ start: found.start - hit.start, end: found.end - hit.start }));
    const text = h("div", { class: "text", role: "textbox", "aria-multiline": "true", "aria-readonly": "true", "aria-label": `Passage: ${hit.title || hit.source}`, contenteditable: "true", spellcheck: "false", dir: "auto" },
      cut(hit.text, spans).map((piece) => (piece.spans.length ? h("mark", {}, piece.text) : piece.text)));
    const mark = () => this.mark(hit, text);
    for (const name of ["beforeinput", "drop", "paste", "cut"]) text.addEventListener(name, (event) => event.preventDefault());
    text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      mark();
    });
    const where = [hit.source, placeText(hit.place)].filter(Boolean).join(", ");
    const keepSelection = (event) => event.preventDefault();
    return h("article", { class: "passage" },
      h("p", { class: "where" }, h("a", { href: documentLink(hit), target: "_blank", rel: "noopener" }, hit.title || "Open"), " ", where),
      text, h("p", { class: "row" }, button("Mark as source", mark, { class: "small", on: { click: mark, pointerdown: keepSelection } }), scoreLine(hit)));
  }

  mark(hit, text) {
    const found = selected(text);
    if (!found) {
      announce("Select the text first");
      return;
    }
    const start = hit.start + found.start;
    const span = { document_id: hit.document_id, document_version: hit.document_version, start, end: start + count(found.text) };
    const line = h("li", {}, h("q", {}, found.text), " ", button("Remove", () => {
      this.spans = this.spans.filter((other) => other !== span);
      line.remove();
    }, { class: "small" }));
    this.spans.push(span);
    this.marked.append(line);
    this.correction.open = true;
    announce(`Marked as source: ${found.text}`);
  }

  /** The first score without a value is the one that keys choose for. */
  markCurrent() {
    this.current = this.controls.find((control) => control.value === undefined) ?? this.controls.at(-1);
    for (const control of this.controls) control.mark(control === this.current);
  }

  pressed(event) {
    if (!this.item || !this.keys.checked || event.ctrlKey || event.metaKey || event.altKey) return;
    const writing = event.target.closest("textarea, select, [contenteditable], input:not([type=radio], [type=checkbox])");
    if (writing || event.isComposing) return;
    const acts = { c: () => this.openCorrection(), p: () => one("#passages [contenteditable]")?.focus(), s: () => this.skip() };
    if (/^[1-9]$/.test(event.key) && this.current?.choose(Number(event.key))) {
      event.preventDefault();
      this.markCurrent();
    } else if (event.key === "Enter" && !event.target.closest("a, button, summary")) {
      event.preventDefault();
      this.form.requestSubmit();
    } else if (acts[event.key]) {
      event.preventDefault();
      acts[event.key]();
    }
  }

  openCorrection() {
    this.correction.open = true;
    this.answer.focus();
  }

  /** What is sent: the scores that were given, and the correction if anything was corrected. */
  verdict() {
    const comment = this.comment.value.trim() || null;
    const given = this.controls.filter((control) => control.value !== undefined).map((control) => ({ definition: control.definition.name, value: control.value }));
    const answer = this.answer.value.trim();
    const changed = answer && (this.response.abstained || answer !== this.response.answer);
    const correction = changed || this.spans.length ? { answer: answer || this.response.answer, spans: this.spans, comment } : null;
    if (!correction && comment && given.length) given[0].comment = comment;
    return { scores: given, correction };
  }

  async submit() {
    if (this.sending || !this.item) return;
    this.sending = true;
    const saved = await attempt(this.trouble, () => call(`/v1/queues/${id}/items/${this.item.id}/submit`, { method: "POST", body: this.verdict() }));
    this.sending = false;
    if (!saved) return;
    announce("Saved");
    await this.next();
  }

  async skip() {
    if (!this.item) return;
    const skipped = await attempt(this.trouble, () => call(`/v1/queues/${id}/items/${this.item.id}/skip`, { method: "POST" }));
    if (skipped) await this.next();
  }
}

start(async (main) => {
  const [queue, definitions] = await Promise.all([call(`/v1/queues/${encodeURIComponent(id)}`), list("/v1/score-definitions", "definitions")]);
  one("h1").textContent = queue.name;
  if (queue.description) main.append(h("p", {}, queue.description));
  const asked = queue.definitions.map((name) => definitions.find((definition) => definition.name === name)).filter(Boolean);
  await new Review(main, queue, asked).next();
});
