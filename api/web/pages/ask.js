// Ask: a conversation with the documents of a corpus.

import { Problem, address, call, events, list } from "../api.js";
import { button, field, h, moment, one, select } from "../dom.js";
import { attempt, start, trouble } from "../shell.js";
import { Tree } from "../tree.js";
import { Turn } from "../turn.js";

class Conversation {
  constructor(main, me, corpora) {
    this.me = me;
    this.tree = new Tree();
    this.shown = []; // the line that is on the page: [{id, turn}], id null while it is being answered
    this.sessionId = null;
    this.abort = null;
    const wanted = new URLSearchParams(location.search).get("corpus");
    this.corpus = select(corpora.map((corpus) => corpus.name), wanted);
    this.turns = h("div", { class: "turns" });
    this.trouble = h("div", {});
    main.append(h("div", { class: "tools" }, this.chooser(), this.past()), this.trouble, this.turns, this.composer());
    if (!corpora.length) this.trouble.append(h("p", { class: "notice" }, "There is no corpus yet. `rag ingest` makes one, or the page Documents."));
  }

  chooser() {
    return h("div", { class: "row low" }, field("Corpus", this.corpus), button("New conversation", () => location.assign(address("/ask", { corpus: this.corpus.value }))));
  }

  past() {
    const found = h("div", {});
    const fetchOnce = async () => {
      if (found.childElementCount) return;
      const sessions = await attempt(found, () => list("/v1/sessions", "sessions", { user: this.me.user, limit: 30 }, 30));
      if (!sessions) return;
      found.append(h("ul", { class: "past" }, sessions.filter((session) => session.responses).map((session) => h("li", {},
        h("a", { href: address("/ask", { session: session.id }) }, session.title || session.first_question),
        " ", h("span", { class: "note" }, session.corpus ?? "", " ", moment(session.last_asked_at))))));
    };
    return h("details", { on: { toggle: fetchOnce } }, h("summary", {}, "Earlier conversations"), found);
  }

  composer() {
    this.area = h("textarea", { rows: "2", maxlength: "4000", required: true, placeholder: "When does the lease end?" });
    this.send = h("button", { class: "main" }, "Ask");
    this.stop = button("Stop", () => this.abort?.abort(), { hidden: true });
    const form = h("form", { class: "composer" }, field("Your question", this.area), this.send, this.stop);
    const submit = (event) => {
      event.preventDefault();
      const question = this.area.value.trim();
      if (!question || this.abort) return;
      this.area.value = "";
      this.ask(question);
    };
    form.addEventListener("submit", submit);
    this.area.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) submit(event);
    });
    return form;
  }

  /** Show a conversation that was had before, along the line of a response or of the newest. */
  async open(sessionId, responseId = null) {
    const [session, responses] = await Promise.all([
      call(`/v1/sessions/${encodeURIComponent(sessionId)}`),
      list(`/v1/sessions/${encodeURIComponent(sessionId)}/responses`, "responses", { limit: 500 }, 5000)]);
    this.sessionId = session.id;
    this.own = session.user === this.me.user;
    if (session.corpus) this.corpus.value = session.corpus;
    this.tree = new Tree(responses);
    await this.follow(responseId);
  }

  /** Show the line through a response. */
  async follow(responseId) {
    const line = this.tree.lineThrough(responseId);
    this.turns.replaceChildren();
    this.shown = line.map((id) => this.addTurn(this.tree.responses.get(id).question, id));
    await Promise.all(this.shown.map(async ({ id, turn }) => {
      try {
        turn.finish((await call(`/v1/responses/${id}`)).body, { fresh: false });
      } catch (error) {
        turn.fail(error);
      }
    }));
  }

  addTurn(question, id) {
    const entry = { id, turn: null };
    const place = () => this.shown.indexOf(entry);
    entry.turn = new Turn(question, this.me, {
      edit: (text) => this.ask(text, place()),
      go: (number) => this.follow(this.tree.versions(entry.id)[number]),
    });
    this.turns.append(entry.turn.element);
    this.showVersions(entry);
    return entry;
  }

  showVersions({ id, turn }) {
    if (!id) return;
    const versions = this.tree.versions(id);
    turn.showQuestion({ at: versions.indexOf(id), of: versions.length });
  }

  /** Ask a question: at the end, or in the place of the one at `place`, which stays as another version. */
  async ask(question, place = this.shown.length) {
    if (this.abort) return;
    const replaced = this.shown[place]?.id ?? null;
    const parent = this.shown[place - 1]?.id ?? null;
    for (const { turn } of this.shown.splice(place)) turn.element.remove();
    const entry = this.addTurn(question, null);
    this.shown.push(entry);
    const body = { question, corpus: this.corpus.value, session_id: this.sessionId, stream: true };
    if (replaced) body.replaces = replaced;
    else if (parent) body.parent_id = parent;
    await this.answer(entry, body, parent);
  }

  async answer(entry, body, parent) {
    const { turn } = entry;
    this.abort = new AbortController();
    this.busy(true);
    turn.begin();
    turn.element.scrollIntoView({ block: "start" });
    try {
      for await (const { name, data } of events("/v1/ask", { method: "POST", body, signal: this.abort.signal })) {
        if (name === "retrieval") turn.found(data.hits);
        else if (name === "token") turn.write(data.text);
        else if (name === "error") throw new Problem(data.status, data);
        else if (name === "done") this.arrived(entry, data, parent);
      }
      if (!entry.id) throw new TypeError("the stream ended early");
    } catch (error) {
      turn.fail(error);
    } finally {
      this.abort = null;
      this.busy(false);
    }
  }

  arrived(entry, answer, parent) {
    entry.id = answer.response_id;
    this.sessionId = answer.session_id;
    this.tree.add({ id: answer.response_id, parent_id: parent, question: entry.turn.question });
    entry.turn.finish(answer);
    this.showVersions(entry);
    history.replaceState(null, "", address("/ask", { session: this.sessionId }));
  }

  busy(is) {
    this.send.disabled = is;
    this.stop.hidden = !is;
    if (!is) this.area.focus({ preventScroll: true });
  }
}

start(async (main, me) => {
  const { corpora } = await call("/v1/corpora?limit=500");
  const conversation = new Conversation(main, me, corpora);
  const asked = new URLSearchParams(location.search);
  if (asked.get("session")) {
    try {
      await conversation.open(asked.get("session"), asked.get("response"));
    } catch (error) {
      conversation.trouble.append(trouble(error));
    }
  }
  one("textarea", main).focus({ preventScroll: true });
});
