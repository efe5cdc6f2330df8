// Jobs: what was sent to be ingested, and sending more.

import { call, list } from "../api.js";
import { button, field, fresh, h, moment, number, percent } from "../dom.js";
import { Listing } from "../listing.js";
import { allows, attempt, start } from "../shell.js";

function sender(corpora) {
  const trouble = h("div", {});
  const names = h("datalist", { id: fresh("corpora") }, corpora.map((corpus) => h("option", { value: corpus.name })));
  const corpus = h("input", { type: "text", required: true, list: names.id, maxlength: "200" });
  const files = h("input", { type: "file", multiple: true, required: true });
  const send = h("button", { class: "main" }, "Send");
  const form = h("form", {}, field("Corpus", corpus, "A new name makes a new corpus."), names, field("Files", files, "Any number of documents, or archives of them."),
    trouble, h("p", {}, send));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const body = new FormData();
    body.append("corpus", corpus.value.trim());
    for (const file of files.files) body.append("file", file);
    send.disabled = true;
    await attempt(trouble, async () => {
      if (!corpora.some((known) => known.name === corpus.value.trim())) {
        await call("/v1/corpora", { method: "POST", body: { name: corpus.value.trim() } });
      }
      const job = await call("/v1/jobs", { method: "POST", body });
      location.assign(`/jobs/${job.id}`);
    });
    send.disabled = false;
  });
  return h("details", {}, h("summary", {}, "Send documents"), form);
}

start(async (main, me) => {
  const corpora = await list("/v1/corpora", "corpora", { limit: 500 });
  const listing = new Listing("Jobs", ["Begun", "Corpus", "User", "State", "Read", "Documents", "Failed"], {
    path: "/v1/jobs", name: "jobs",
    row: (job) => [
      h("a", { href: `/jobs/${job.id}` }, moment(job.started_at)), job.corpus ?? "", job.user ?? "",
      h("span", { class: `tag ${{ done: "good", failed: "bad" }[job.status] ?? ""}` }, job.status), percent(job.share),
      number(Object.values(job.documents).reduce((sum, count) => sum + count, 0), 0),
      number((job.documents.failed ?? 0) + (job.documents.quarantined ?? 0), 0)],
  });
  main.append(allows(me.role, "contributor") ? sender(corpora) : "", h("p", { class: "row" }, button("Refresh", () => listing.load(), { class: "small" })), listing.element);
  await listing.load();
});
