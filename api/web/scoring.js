// The controls with which a person scores a response: one for each score that is asked for.

import { all, fresh, h, one } from "./dom.js";

const MOST_STEPS = 9; // as many as there are keys

/** The values that a definition lets one choose from, as [value, text]; null where one writes it. */
export function choices(definition) {
  if (definition.kind === "boolean") return [[true, "yes"], [false, "no"]];
  if (definition.kind === "categorical") return definition.categories.map((name) => [name, name]);
  const { minimum, maximum } = definition;
  const steps = definition.kind === "numeric" && Number.isInteger(minimum) && Number.isInteger(maximum) ? maximum - minimum + 1 : 0;
  return steps > 1 && steps <= MOST_STEPS ? Array.from({ length: steps }, (_, i) => [minimum + i, String(minimum + i)]) : null;
}

/** The control for a score; its `value` is undefined until something was chosen. */
export class ScoreControl {
  constructor(definition) {
    this.definition = definition;
    this.options = choices(definition);
    this.element = h("fieldset", { class: "score" },
      h("legend", {}, definition.name.replaceAll(/[_-]/g, " "), definition.description ? h("span", { class: "hint" }, ` ${definition.description}`) : null),
      this.options ? this.radios() : this.input());
  }

  radios() {
    const name = fresh("score");
    return h("div", { class: "row" }, this.options.map(([, text], i) => h("label", { class: "choice" },
      h("input", { type: "radio", name, value: String(i) }), i < MOST_STEPS ? h("kbd", { "aria-hidden": "true" }, String(i + 1)) : null, text)));
  }

  input() {
    const { kind, minimum, maximum, name } = this.definition;
    return kind === "numeric"
      ? h("input", { type: "number", step: "any", min: minimum, max: maximum, "aria-label": name })
      : h("textarea", { rows: "2", maxlength: "20000", "aria-label": name });
  }

  get value() {
    if (this.options) {
      const chosen = one("input:checked", this.element);
      return chosen ? this.options[Number(chosen.value)][0] : undefined;
    }
    const written = one("input, textarea", this.element).value.trim();
    if (!written) return undefined;
    return this.definition.kind === "numeric" ? Number(written) : written;
  }

  /** Choose the value with this number, from 1 on; gives whether there is one. */
  choose(number) {
    const input = this.options && all("input", this.element)[number - 1];
    if (!input) return false;
    input.checked = true;
    return true;
  }

  /** Show that keys choose here. */
  mark(is) {
    this.element.classList.toggle("current", is);
  }
}
