// What the person at the screen thinks of a response: thumbs and a comment.

import { address, call } from "./api.js";
import { announce, button, fresh, h } from "./dom.js";
import { attempt } from "./shell.js";

/** Thumbs and a comment on a response; `me` is who is signed in. */
export function feedback(responseId, me, { known = true } = {}) {
  const box = h("div", { class: "feedback" });
  const trouble = h("div", {});
  let given = { thumb: null, comment: null, correction: null };

  const thumbs = [["up", "Good answer"], ["down", "Bad answer"]].map(([thumb, label]) => {
    const press = () => save({ thumb: given.thumb === thumb ? null : thumb });
    return button(label, press, { class: "small", "aria-pressed": "false", data: { thumb } });
  });
  const area = h("textarea", { id: fresh("comment"), rows: "2", maxlength: "20000" });
  const comment = h("details", { class: "comment" },
    h("summary", {}, "Comment"),
    h("label", { for: area.id }, "What was good or wrong?"), area,
    h("p", {}, button("Save comment", () => save({ comment: area.value.trim() || null }))));
  box.append(h("div", { class: "row" }, thumbs, comment), trouble);

  function show() {
    for (const made of thumbs) made.setAttribute("aria-pressed", String(made.dataset.thumb === given.thumb));
    area.value = given.comment ?? "";
    comment.classList.toggle("filled", Boolean(given.comment));
  }

  async function save(change) {
    const wanted = { ...given, ...change };
    await attempt(trouble, async () => {
      if (wanted.thumb || wanted.comment || wanted.correction) {
        const { thumb, comment, correction } = wanted;
        given = await call("/v1/feedback", { method: "POST", body: { response_id: responseId, thumb, comment, correction } });
      } else if (given.id) {
        await call(`/v1/feedback/${given.id}`, { method: "DELETE" });
        given = { thumb: null, comment: null, correction: null };
      }
      show();
      announce("Feedback saved");
    });
  }

  if (known) {
    call(address("/v1/feedback", { response_id: responseId, user: me.user, limit: 1 }))
      .then(({ feedback: [found] }) => { if (found) { given = found; show(); } })
      .catch(() => {}); // what was thought of it before is no reason to disturb who reads the answer
  }
  return box;
}
