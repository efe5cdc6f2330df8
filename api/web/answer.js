// An answer and its sources, side by side: each part of one lights up the same part of the other.

import { h, all, number, percent } from "./dom.js";
import { cut } from "./spans.js";
import { address } from "./api.js";

/** Where a span of a document is shown with its surroundings. */
export function documentLink({ document_id, document_version, start, end }) {
  return address(`/documents/${document_id}`, { version: document_version, start, end });
}

/** The text of an answer; what is cited links to its source, what nothing supports is marked. */
export function answerText(answer) {
  const cited = answer.citations.map((citation) => ({ start: citation.answer_start, end: citation.answer_end, citation }));
  const loose = answer.sentences.filter((sentence) => !sentence.supported);
  const pieces = cut(answer.answer, [...cited, ...loose]).map((piece) => {
    const citations = piece.spans.filter((span) => span.citation).map((span) => span.citation);
    return citations.length ? citedPiece(piece, citations) : loosePiece(piece);
  });
  return h("p", { class: "answer", dir: "auto" }, pieces);
}

function citedPiece(piece, citations) {
  const ending = citations.filter((citation) => citation.answer_end === piece.end);
  return h("a", {
    class: "cite",
    href: documentLink(citations[0]),
    title: [citations[0].source, placeText(citations[0].place)].filter(Boolean).join(", "),
    data: { cites: citations.map((citation) => citation.id).join(" ") },
  }, piece.text, ending.length ? h("sup", {}, ending.map((citation) => citation.id).join(",")) : null);
}

function loosePiece(piece) {
  return piece.spans.length && piece.text.trim()
    ? h("span", { class: "unsupported", title: "No source was found for this" }, piece.text)
    : piece.text;
}

/** Says of an answer how far it is supported. */
export function support(answer) {
  const loose = answer.sentences.filter((sentence) => !sentence.supported).length;
  if (!loose) return null;
  const all = answer.sentences.length;
  return h("p", { class: "note" }, `${loose} of ${all} ${all === 1 ? "sentence has" : "sentences have"} no verified source (dotted).`);
}

/** What was looked at: passages with a citation first and open, the others closed. */
export function sources(answer, { scores = false, label = "Sources" } = {}) {
  const cards = answer.hits.map((hit, i) => ({ hit, rank: i + 1, spans: spansOf(answer.citations, hit) }));
  const used = cards.filter(({ spans }) => spans.length).sort((one, other) => one.spans[0].citation.id - other.spans[0].citation.id);
  const rest = cards.filter(({ spans }) => !spans.length);
  const open = used.length ? 0 : 2; // with no citation, what was looked at first is what there is to see
  return h("aside", { class: "sources", tabindex: "0", role: "region", "aria-label": label },
    used.map((card) => passage(card, scores)),
    used.length && rest.length && !scores
      ? h("details", { class: "rest" }, h("summary", {}, `Also read, but not cited: ${rest.length}`), rest.map((card) => folded(card, false, scores)))
      : rest.map((card, i) => folded(card, i < open, scores)),
    cards.length ? null : h("p", { class: "note" }, "No passage was found."));
}

function spansOf(citations, hit) {
  const shown = hit.context ?? hit;
  return citations
    .filter((found) => found.document_id === hit.document_id && found.document_version === hit.document_version)
    .filter((found) => found.chunk_id === hit.chunk_id)
    .map((citation) => ({ start: citation.start - shown.start, end: citation.end - shown.start, citation }));
}

function passage(card, scores) {
  return h("article", { class: "passage" }, heading(card, scores), text(card), scores ? scoreLine(card.hit) : null);
}

function folded(card, open, scores) {
  return h("details", { class: "passage", open },
    h("summary", {}, `${card.rank}. ${card.hit.title || card.hit.source}`),
    heading(card, scores), text(card), scores ? scoreLine(card.hit) : null);
}

/** A cited passage bears the numbers that it is cited by, as the answer does; with scores, and else, its rank. */
function heading({ hit, rank, spans }, scores) {
  const where = [hit.source, placeText(hit.place)].filter(Boolean).join(", ");
  const target = spans.length ? { ...hit, start: spans[0].citation.start, end: spans[0].citation.end } : hit;
  const cited = spans.length && !scores;
  const badge = cited ? spans.map((span) => span.citation.id).join(", ") : `${rank}`;
  return h("p", { class: "where" },
    h("span", { class: "rank", title: cited ? "cited as" : "rank" }, badge),
    h("a", { href: documentLink(target) }, hit.title || "Open"), " ", h("span", {}, where));
}

function text({ hit, spans }) {
  const shown = hit.context ?? hit;
  const pieces = cut(shown.text, spans).map((piece) => piece.spans.length
    ? h("mark", { data: { cites: piece.spans.map((span) => span.citation.id).join(" ") } }, piece.text)
    : piece.text);
  return h("div", { class: "text", dir: "auto" }, pieces);
}

/** Why a passage was found, in figures. */
export function scoreLine(hit) {
  const named = { keyword: "keyword", vector: "vector", fused: "fused", rerank: "relevance", final: "final" };
  const given = Object.entries(named).filter(([name]) => hit.scores[name] !== null && hit.scores[name] !== undefined);
  return h("dl", { class: "figures" }, given.map(([name, label]) => h("div", {}, h("dt", {}, label), h("dd", {}, number(hit.scores[name], 3)))));
}

/** Where in its file something stands, in words. */
export function placeText(place = {}) {
  const told = ([name, value]) => {
    const first = name.replace(/^last_/, "");
    if (name === first) return `${name.replaceAll("_", " ")} ${value}${`last_${name}` in place ? `–${place[`last_${name}`]}` : ""}`;
    return first in place ? "" : `to ${first.replaceAll("_", " ")} ${value}`;
  };
  return Object.entries(place).map(told).filter(Boolean).join(", ");
}

/** What is said where there is no answer. */
export function abstention(answer) {
  const looked = answer.hits.length;
  return h("div", { class: "abstained" },
    h("p", {}, h("strong", {}, "Not found in the documents.")),
    h("p", {}, `Reason: ${answer.abstain_reason}.`),
    h("p", { class: "note" }, looked
      ? `It looked at ${looked} ${looked === 1 ? "passage" : "passages"}; the probability that they hold the answer is ${percent(answer.answerable_probability)}.`
      : "It found no passage to look at."));
}

/** Light up, inside an element, everything that belongs to the citation under the pointer or the focus. */
export function lightUp(root) {
  const show = (event) => {
    const target = event.target.closest?.("[data-cites]");
    if (target) light(root, target.dataset.cites.split(" "), target);
  };
  const hide = () => all(".lit", root).forEach((element) => element.classList.remove("lit"));
  for (const name of ["pointerover", "focusin"]) root.addEventListener(name, (event) => { hide(); show(event); });
  root.addEventListener("pointerleave", hide);
  root.addEventListener("focusout", hide);
}

function light(root, ids, from) {
  const same = all("[data-cites]", root).filter((element) => element.dataset.cites.split(" ").some((id) => ids.includes(id)));
  same.forEach((element) => element.classList.add("lit"));
  const mark = from.matches("mark") ? null : same.find((element) => element.matches("mark"));
  const pane = mark?.closest(".sources");
  if (!pane || pane.scrollHeight <= pane.clientHeight) return;
  const offset = mark.getBoundingClientRect().top - pane.getBoundingClientRect().top;
  if (offset < 0 || offset > pane.clientHeight - 40) pane.scrollTop += offset - pane.clientHeight / 3;
}
