// Overview: how the answers have been, over time and spread.

import { address, call, list } from "../api.js";
import { field, h, number, percent, select, table } from "../dom.js";
import { plot } from "../plot.js";
import { attempt, start } from "../shell.js";

const DAY = 86_400;
// How far back, and how much time a point stands for.
const SPANS = { "1d": 3600, "7d": 6 * 3600, "30d": DAY, "90d": 3 * DAY, "365d": 14 * DAY };
const NAMES = { "1d": "last day", "7d": "last week", "30d": "last 30 days", "90d": "last 90 days", "365d": "last year" };

const day = (seconds, width) => new Date(seconds * 1000).toLocaleString(undefined,
  width < DAY ? { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" } : { day: "numeric", month: "short" });
const seconds = (text) => Date.parse(text) / 1000;
const whole = (value) => number(value, 0);
const two = (value) => number(value, 2);

/** The cells of a long table as series over all its times. */
function overTime(cells, name, value) {
  const xs = [...new Set(cells.map((cell) => seconds(cell.at)))].sort((one, other) => one - other);
  const series = [...new Set(cells.map(name))].map((each) => {
    const values = new Map(cells.filter((cell) => name(cell) === each).map((cell) => [seconds(cell.at), value(cell)]));
    return { name: each, ys: xs.map((x) => values.get(x) ?? null) };
  });
  return { xs, series, kind: "line" };
}

function activityPlots({ activity, width_s: width }) {
  const showX = (x) => day(x, width);
  const name = (cell) => cell.series;
  return [
    plot("Responses", { ...overTime(activity, name, (cell) => cell.responses), kind: "bars", showX, showY: whole }),
    plot("Mean probability of the answer", { ...overTime(activity, name, (cell) => cell.probability), most: 1, showX, showY: percent }),
    plot("Share without an answer", { ...overTime(activity, name, (cell) => cell.abstained / cell.responses), most: 1, showX, showY: percent }),
  ];
}

function latencyPlot({ latency, width_s: width }) {
  const xs = latency.map((each) => seconds(each.at));
  const series = [["median", "p50_ms"], ["95 of 100 are below", "p95_ms"]].map(([name, key]) => ({ name, ys: latency.map((each) => each[key]) }));
  return plot("Time of an answer in ms", { xs, series, kind: "line", showX: (x) => day(x, width), showY: whole });
}

const binned = (bins, sets) => ({
  xs: bins.map((bin) => bin.low), kind: "bars", showY: whole, series: sets,
  showX: (x, i) => `${two(bins[i].low)}–${two(bins[i].high)}`,
});

function scorePlots({ scores, width_s: width }) {
  return scores.flatMap((score) => [
    plot(`${score.name} over time`, { xs: score.at.map(seconds), series: [{ name: "mean", ys: score.means }], kind: "line", showX: (x) => day(x, width), showY: two }),
    plot(`${score.name}, how it spreads`, binned(score.bins, [{ name: "responses", ys: score.bins.map((bin) => bin.count) }])),
  ]);
}

function riskPlot({ risk_coverage: points }) {
  if (!points.length) return h("p", { class: "note" }, "Risk by coverage is shown once persons have judged answers.");
  return plot("Risk by coverage", {
    xs: points.map((point) => point.coverage), series: [{ name: "share of wrong answers", ys: points.map((point) => point.risk) }],
    kind: "line", most: 1, showX: (x) => `${percent(x)} answered`, showY: percent,
  });
}

function clusters(title, found) {
  const rows = found.map((each) => [h("a", { class: "long", href: `/responses/${each.newest}` }, each.question), whole(each.responses), whole(each.abstained), percent(each.probability)]);
  return h("section", {}, h("h2", {}, title), rows.length ? table(title, ["Question", "Asked", "Without an answer", "Mean probability"], rows) : h("p", { class: "note" }, "None."));
}

function totals({ activity }) {
  const sum = (key) => activity.reduce((total, cell) => total + cell[key], 0);
  const [responses, abstained] = [sum("responses"), sum("abstained")];
  const known = { Responses: whole(responses), "Without an answer": responses ? percent(abstained / responses) : "–" };
  return h("dl", { class: "facts big" }, Object.entries(known).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

function drawn(found) {
  if (!found.activity.length) return [h("p", { class: "note" }, "Nothing was asked in this time.")];
  const spread = binned(found.answered, [
    { name: "answered", ys: found.answered.map((bin) => bin.count) }, { name: "withheld", ys: found.withheld.map((bin) => bin.count) }]);
  return [
    totals(found),
    h("div", { class: "plots" }, activityPlots(found), latencyPlot(found), plot("Probability, how it spreads", spread), riskPlot(found), scorePlots(found)),
    clusters("Asked most", found.most_asked), clusters("Answered worst", found.worst_answered),
  ];
}

start(async (main, me) => {
  const asked = new URLSearchParams(location.search);
  const corpora = (await list("/v1/corpora", "corpora", { limit: 500 })).map((corpus) => corpus.name);
  const controls = {
    span: select(Object.entries(NAMES), asked.get("span") ?? "30d"),
    by: select([["nothing", "nothing"], ["model", "model"], ["corpus", "corpus"], ["group", "group of users"]], asked.get("by") ?? "nothing"),
    corpus: select([["", "all"], ...corpora], asked.get("corpus") ?? ""),
    q: h("input", { type: "text", maxlength: "2000", value: asked.get("q") ?? "", placeholder: "user:ada -abstained" }),
  };
  const place = h("div", { "aria-live": "off" });
  const trouble = h("div", {});
  const form = h("form", { class: "row low" }, field("Time", controls.span), field("Told apart by", controls.by), field("Corpus", controls.corpus),
    field("Query, as of the responses", controls.q), h("button", { class: "main" }, "Show"));
  async function show() {
    const { span, by, corpus, q } = Object.fromEntries(Object.entries(controls).map(([name, control]) => [name, control.value.trim()]));
    history.replaceState(null, "", address("/overview", { span, by, corpus, q }));
    const query = `since:${span} ${q}`.trim();
    const found = await attempt(trouble, () => call(address("/v1/overview", { q: query, by, corpus, width_s: SPANS[span] })));
    if (found) place.replaceChildren(...drawn(found));
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    show();
  });
  for (const control of [controls.span, controls.by, controls.corpus]) control.addEventListener("change", show);
  main.append(form, trouble, place);
  await show();
});
