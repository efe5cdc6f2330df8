// One response with everything that made it, and the same question asked again.

import { abstention, answerText, documentLink, lightUp, sources, support } from "../answer.js";
import { address, call, list } from "../api.js";
import { field, h, moment, number, one, percent, select, svg, table } from "../dom.js";
import { difference } from "../diff.js";
import { feedback } from "../feedback.js";
import { attempt, start } from "../shell.js";

const ORDER = ["understand", "retrieve", "rerank", "generate", "cite", "score"]; // as they follow each other
const id = location.pathname.split("/").pop();

function facts(response) {
  const listed = {
    Asked: moment(response.created_at),
    "Asked by": response.user,
    Corpus: response.corpus ?? "deleted",
    Model: h("span", { class: "mono" }, response.model),
    "Answerable with": percent(response.answerable_probability),
    "Index position": number(response.index_position, 0),
    Conversation: h("a", { href: address("/ask", { session: response.session_id, response: response.id }) }, "open"),
  };
  return definitions(listed);
}

const definitions = (listed) => h("dl", { class: "facts" },
  Object.entries(listed).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));

function sentQuery({ query, query_changes: changes = [] }, question) {
  if (!query || (query === question && !changes.length)) return null;
  return h("section", {}, h("h2", {}, "What was searched for"),
    h("p", {}, query),
    changes.length ? table("What was changed of the question, and by which rule", ["Rule", "Before", "After"],
      changes.map((change) => [change.rule, change.before, change.after])) : null);
}

/** The stages one after the other, each as long as it took. */
function timeline(timings) {
  const total = timings.total || 1;
  let begun = 0;
  const place = (name) => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length);
  const stages = Object.entries(timings).filter(([name]) => name !== "total").sort(([one], [other]) => place(one) - place(other));
  const bars = stages.map(([name, took], i) => {
    const bar = svg("rect", { x: `${(begun / total) * 100}%`, y: 0, height: 14, width: `${Math.max(0.4, (took / total) * 100)}%`, class: `series-${(i % 4) + 1}` });
    begun += took;
    return [name, took, bar];
  });
  const label = stages.map(([name, took]) => `${name} ${number(took, 1)} ms`).join(", ");
  return h("section", {}, h("h2", {}, `Time: ${number(total, 0)} ms`),
    svg("svg", { class: "timeline", role: "img", "aria-label": label, height: 14, width: "100%" }, bars.map(([, , bar]) => bar)),
    h("ul", { class: "legend" }, bars.map(([name, took], i) => h("li", { class: `series-${(i % 4) + 1}` }, `${name} ${number(took, 1)} ms`))));
}

function made(response) {
  const { parameters } = response;
  const plain = Object.entries({ ...parameters, ...parameters.generation }).filter(([, value]) => value === null || typeof value !== "object");
  const filters = Object.keys(parameters.filters ?? {}).length ? { filters: JSON.stringify(parameters.filters) } : {};
  return h("details", {}, h("summary", {}, "Settings"),
    definitions({ ...Object.fromEntries(plain.map(([name, value]) => [name.replaceAll("_", " "), String(value ?? "–")])), ...filters }));
}

async function said(response) {
  const given = await list("/v1/feedback", "feedback", { response_id: response.id });
  if (!given.length) return null;
  return h("section", {}, h("h2", {}, "Feedback"), table("Feedback", ["User", "Verdict", "Comment", "Correction"],
    given.map((found) => [found.user, found.thumb ?? "", found.comment ?? "", found.correction ?? ""])));
}

/** The scores, and what reviewers say that the answer should have been. */
async function judged(response) {
  const path = `/v1/responses/${response.id}`;
  const [{ scores }, { corrections }] = await Promise.all([call(`${path}/scores`), call(`${path}/corrections`)]);
  const by = (score) => (score.source === "evaluator" ? `${score.evaluator} ${score.evaluator_version}` : score.user ?? score.source);
  const value = (score) => (typeof score.value === "number" ? number(score.value, 3) : String(score.value));
  const given = new Set(scores.map((score) => score.definition));
  const unknown = Object.entries(response.body.not_scored ?? {}).filter(([name]) => !given.has(name));
  const rows = [
    ...scores.map((score) => [score.definition, value(score), score.source, by(score), explanation(score)]),
    ...unknown.map(([name, reason]) => [name, "not known", "", "", reason])];
  return [
    rows.length ? h("section", {}, h("h2", {}, "Scores"), table("Scores", ["Score", "Value", "Source", "By", "Explanation"], rows)) : "",
    corrections.map((correction) => h("section", {}, h("h2", {}, `Corrected by ${correction.user}`),
      difference(correction.original, correction.answer), correction.comment ? h("p", {}, correction.comment) : null,
      h("ul", {}, correction.spans.map((span) => h("li", {}, h("a", { href: documentLink(span) }, h("q", {}, span.quote))))))),
  ].flat();
}

const TOLD = { // what the details of our own scores say, in words
  groundedness: ({ sentences, threshold }) => `By sentence: ${sentences.map((p) => number(p, 2)).join(", ")}. Supported from ${number(threshold, 2)} on.`,
  unsupported_share: ({ supported }) => `${supported.filter(Boolean).length} of ${supported.length} sentences are supported.`,
  novelty: ({ of, unexplained, in_training_data: remembered }) => remembered === undefined ? null : // version 1
    `Of ${of} sequences of words ${of - unexplained} stand in what was given, ${remembered} only in the training data, ${unexplained - remembered} in neither.`,
  overall: (parts) => `Of ${Object.entries(parts).map(([name, part]) => `${name.replaceAll("_", " ")} ${number(part, 2)}`).join(", ")}.`,
};

function explanation({ definition, source, comment, details }) {
  const told = source === "evaluator" && details ? TOLD[definition]?.(details) : null;
  if (told) return h("span", { class: "note" }, told);
  const facts = Object.entries(details ?? {}).map(([name, value]) => `${name.replaceAll("_", " ")}: ${typeof value === "object" ? JSON.stringify(value) : value}`);
  return [comment ? h("p", {}, comment) : null, facts.length ? h("span", { class: "note" }, facts.join("; ")) : null];
}

function replay(response) {
  const result = h("div", { "aria-live": "polite" });
  const passages = h("input", { type: "number", min: "1", max: "20", value: String(response.parameters.top_k ?? 10) });
  const model = select([["", "that of today"]]);
  call("/v1/responses/models").then(({ models }) => model.append(...select(models).children), () => {});
  const form = h("form", { class: "row low" }, field("Model", model), field("Passages to read", passages), h("button", { class: "main" }, "Replay"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    result.replaceChildren(h("p", { class: "note" }, "Asking again…"));
    attempt(result, async () => {
      const again = await call(`/v1/responses/${response.id}/replay`, { method: "POST", body: { top_k: Number(passages.value), model: model.value || null } });
      result.append(compared(response, again));
    });
  });
  return h("section", {}, h("h2", {}, "Replay"),
    h("p", { class: "note" }, "Asks the same question with the documents of today and the model of your choice. The new answer is logged as yours."), form, result);
}

function compared(response, again) {
  const before = new Map(response.body.hits.map((hit, i) => [hit.chunk_id, i + 1]));
  const rows = again.answer.hits.map((hit, i) => [String(i + 1), String(before.get(hit.chunk_id) ?? "new"), hit.title || hit.source, number(hit.scores.fused, 3)]);
  const models = again.model_before === again.answer.model ? again.answer.model : `${again.model_before} before, ${again.answer.model} now`;
  return h("div", { class: "card" },
    h("p", {}, h("strong", {}, again.same ? "The answer is the same." : "The answer is another."), ` Model: ${models}. `,
      `Probability ${percent(response.answerable_probability)} before, ${percent(again.answer.answerable_probability)} now.`),
    again.same ? null : difference(again.before, again.answer.answer),
    h("p", {}, h("a", { href: `/responses/${again.answer.response_id}` }, "The new response")),
    table("Passages now and before", ["Rank now", "Rank before", "Passage", "Fused score"], rows));
}

function shown(response, me) {
  const answer = response.body;
  const turn = h("article", { class: "turn", "aria-label": "Answer and sources" },
    h("div", { class: "left" },
      answer.abstained ? abstention(answer) : answerText(answer), support(answer) ?? "", feedback(response.id, me)),
    h("div", { class: "beside" }, sources(answer, { scores: true })));
  lightUp(turn);
  return turn;
}

start(async (main, me) => {
  await attempt(main.appendChild(h("div", {})), async () => {
    const response = await call(`/v1/responses/${encodeURIComponent(id)}`);
    one("h1").textContent = response.question;
    main.append(facts(response), shown(response, me), sentQuery(response.body, response.question) ?? "",
      ...(await judged(response)), timeline(response.timings_ms), made(response), (await said(response)) ?? "", replay(response));
  });
});
