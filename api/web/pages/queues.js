// Queues: what waits for review, how far it is, how the reviewers agree; and new ones.

import { address, call, list } from "../api.js";
import { announce, button, field, h, number, percent, select, table } from "../dom.js";
import { attempt, start } from "../shell.js";

const words = (text) => text.split(",").map((part) => part.trim()).filter(Boolean);

function queueRow(queue, details) {
  const open = queue.closed_at === null;
  return [
    open ? h("a", { href: `/queue/${queue.id}` }, queue.name) : queue.name,
    queue.definitions.join(", "),
    queue.reviewers.join(", ") || "every reviewer",
    `${queue.done} of ${queue.items}`,
    open ? "open" : "closed",
    button("Manage", () => details(queue), { class: "small", "aria-label": `Manage ${queue.name}` }),
  ];
}

/** Adding to a queue, how its reviewers agree, closing it. */
function manager(queue, changed) {
  const trouble = h("div", {});
  const said = h("p", { role: "status" });
  const query = h("input", { type: "text", maxlength: "2000", placeholder: "abstained:false since:7d" });
  const sample = h("input", { type: "number", min: "1", max: "10000" });
  const form = h("form", { class: "row low" }, field("Add the responses of this query", query), field("Only so many, drawn by chance", sample), h("button", {}, "Add"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(trouble, async () => {
      const body = { filter: { q: query.value }, sample: sample.value ? Number(sample.value) : null };
      const { added } = await call(`/v1/queues/${queue.id}/items`, { method: "POST", body });
      said.textContent = `${added} ${added === 1 ? "response" : "responses"} added.`;
      changed();
    });
  });
  const close = button(queue.closed_at ? "Open again" : "Close the queue", () => attempt(trouble, async () => {
    await call(`/v1/queues/${queue.id}`, { method: "PATCH", body: { closed: !queue.closed_at } });
    changed();
  }));
  const agreement = h("div", {});
  attempt(agreement, async () => {
    const { scores } = await call(`/v1/queues/${queue.id}/agreement`);
    agreement.append(agreed(scores));
  });
  return h("section", { class: "card", tabindex: "-1", "aria-label": queue.name }, h("h2", {}, queue.name), queue.description ? h("p", {}, queue.description) : "",
    form, said, trouble, agreement, h("p", {}, close));
}

function agreed(scores) {
  const rows = scores.flatMap((score) => [
    [score.definition, "all reviewers", number(score.scored_twice, 0), "", score.alpha === null ? "–" : `α ${number(score.alpha)}`],
    ...score.pairs.map((pair) => [score.definition, pair.users.join(" and "), number(pair.n, 0), percent(pair.agreed), pair.kappa === null ? "–" : `κ ${number(pair.kappa)}`]),
  ]);
  if (!rows.length) return h("p", { class: "note" }, "Nobody has scored the same response as somebody else yet.");
  return h("div", {}, h("h3", {}, "Agreement"), table("Agreement of the reviewers", ["Score", "Reviewers", "Both scored", "Agreed", "Krippendorff's α, Cohen's κ"], rows));
}

function queueForm(definitions, made) {
  const trouble = h("div", {});
  const name = h("input", { type: "text", required: true, maxlength: "200" });
  const description = h("input", { type: "text", maxlength: "2000" });
  const asked = definitions.map((definition) => h("label", { class: "check" }, h("input", { type: "checkbox", value: definition.name }), definition.name));
  const reviewers = h("input", { type: "text" });
  const wanted = select([["1", "one"], ["2", "two"]]);
  const form = h("form", {}, field("Name", name), field("What reviewers should look at", description),
    h("fieldset", {}, h("legend", {}, "Scores to ask for"), asked.length ? asked : h("p", { class: "note" }, "None is defined yet: define one below.")),
    field("Reviewers", reviewers, "User names with commas between; nobody means every reviewer."),
    field("Reviews of each response", wanted), trouble, h("p", {}, h("button", { class: "main" }, "Make the queue")));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(trouble, async () => {
      const body = {
        name: name.value.trim(), description: description.value.trim(), reviewers: words(reviewers.value), reviews_wanted: Number(wanted.value),
        definitions: asked.map((label) => label.firstChild).filter((input) => input.checked).map((input) => input.value),
      };
      await call("/v1/queues", { method: "POST", body });
      announce("Queue made");
      made();
    });
  });
  return h("details", {}, h("summary", {}, "New queue"), form);
}

function definitionForm(made) {
  const trouble = h("div", {});
  const name = h("input", { type: "text", required: true, pattern: "[a-z0-9][a-z0-9_.\\-]*", maxlength: "60" });
  const kind = select([["boolean", "yes or no"], ["categorical", "one of several"], ["numeric", "a number"], ["text", "a text"]]);
  const description = h("input", { type: "text", maxlength: "2000" });
  const categories = h("input", { type: "text" });
  const [minimum, maximum] = [h("input", { type: "number", step: "any" }), h("input", { type: "number", step: "any" })];
  const form = h("form", {}, field("Name", name, "Small letters, digits, _ and -"), field("Kind", kind), field("What it means", description),
    field("Categories", categories, "Of “one of several”: with commas between"), field("Lowest number", minimum), field("Highest number", maximum),
    trouble, h("p", {}, h("button", { class: "main" }, "Define")));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const numeric = kind.value === "numeric";
    const figure = (input) => (numeric && input.value ? Number(input.value) : null);
    attempt(trouble, async () => {
      const body = {
        name: name.value, kind: kind.value, description: description.value.trim(), minimum: figure(minimum), maximum: figure(maximum),
        categories: kind.value === "categorical" ? words(categories.value) : null,
      };
      await call("/v1/score-definitions", { method: "POST", body });
      announce("Score defined");
      made();
    });
  });
  return h("details", {}, h("summary", {}, "New score"), form);
}

async function show(main) {
  const place = h("div", {});
  main.append(place);
  async function render() {
    const [queues, definitions] = await Promise.all([
      list("/v1/queues", "queues"), list(address("/v1/score-definitions", { archived: false }), "definitions")]);
    const detail = h("div", {});
    const manage = (queue) => {
      detail.replaceChildren(manager(queue, render));
      detail.firstChild.focus();
    };
    place.replaceChildren(
      queues.length
        ? table("Queues", ["Queue", "Scores", "Reviewers", "Done", "State", "Action"], queues.map((queue) => queueRow(queue, manage)))
        : h("p", { class: "note" }, "There is no queue yet."),
      detail, queueForm(definitions, render), definitionForm(render));
  }
  await render();
}

start(show);
