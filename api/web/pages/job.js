// One job, followed while it runs.

import { address, call, events } from "../api.js";
import { button, h, number, one, percent, table } from "../dom.js";
import { allows, attempt, start } from "../shell.js";

const id = location.pathname.split("/").pop();
const ACTS = [["pause", "Pause"], ["resume", "Resume"], ["cancel", "Cancel"], ["retry", "Try failed ones again"], ["quarantine", "Try those in quarantine too"]];
const POSSIBLE = { queued: ["pause", "cancel"], running: ["pause", "cancel"], paused: ["resume", "cancel"], failed: ["resume", "cancel"], done: ["retry", "quarantine"], cancelled: [] };

const long = (text) => h("span", { class: "long" }, text);

class Job {
  constructor(main, me) {
    this.trouble = h("div", {});
    this.state = h("p", {}, "…");
    this.share = h("progress", { max: "1", "aria-label": "Share that has been read" });
    this.counts = h("div", {});
    this.failed = h("div", {});
    this.buttons = ACTS.map(([act, text]) => button(text, () => this.act(act), { data: { act }, hidden: true }));
    this.may = allows(me.role, "contributor");
    main.append(this.state, this.share, h("p", { class: "row" }, this.buttons), this.trouble, this.counts, this.failed);
  }

  show(job) {
    one("h1").textContent = job.corpus ? `Job for ${job.corpus}` : "Job";
    const pace = [job.status + (job.wanted === "run" || job.finished_at ? "" : `, asked to ${job.wanted}`), percent(job.share), `${time(job.seconds)} so far`];
    if (job.documents_per_s !== null) pace.push(`${number(job.documents_per_s, 1)} documents/s`);
    if (job.seconds_left !== null) pace.push(`${time(job.seconds_left)} left`);
    this.state.textContent = pace.join(" · ") + (job.error ? ` · ${job.error}` : "");
    this.share.value = job.share;
    for (const made of this.buttons) made.hidden = !this.may || !possible(job).includes(made.dataset.act);
    this.counts.replaceChildren(table("What became of the documents", ["Outcome", "Number"],
      Object.entries({ ...job.documents, chunks: job.chunks }).map(([name, count]) => [name.replaceAll("_", " "), number(count, 0)])));
  }

  async follow() {
    await attempt(this.trouble, async () => {
      this.show(await call(`/v1/jobs/${id}`));
      for await (const { name, data } of events(`/v1/jobs/${id}/events`)) if (name !== "heartbeat" && data.status) this.show(data);
      await this.showFailed();
    });
  }

  async showFailed() {
    const pages = await Promise.all(["failed", "quarantined"].map((status) => call(address(`/v1/jobs/${id}/documents`, { status, limit: 100 }))));
    const found = pages.flatMap((page) => page.documents);
    const partly = (await call(address(`/v1/jobs/${id}/documents`, { kind: "scanned", limit: 100 }))).documents
      .filter((each) => !found.some((other) => other.source === each.source));
    this.failed.replaceChildren(
      found.length ? h("section", {}, h("h2", {}, "Failed"), table("Failed", ["Source", "Line", "Stage", "Reason"],
        found.map((each) => [long(each.source), each.line ? String(each.line) : "", each.stage ?? "", long(each.reason ?? "")]))) : "",
      partly.length ? h("section", {}, h("h2", {}, "Read but for some pages"), table("Read but for some pages", ["Source", "What is missing"],
        partly.map((each) => [long(each.source), long(each.reason)]))) : "");
  }

  async act(name) {
    const [verb, body] = { retry: ["retry", {}], quarantine: ["retry", { quarantined: true }] }[name] ?? [name, undefined];
    const done = await attempt(this.trouble, () => call(`/v1/jobs/${id}/${verb}`, { method: "POST", body }));
    if (done) await this.follow();
  }
}

function possible(job) {
  const nothing = { retry: !job.documents.failed, quarantine: !job.documents.quarantined };
  return (POSSIBLE[job.status] ?? []).filter((act) => !nothing[act]);
}

function time(seconds) {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

start((main, me) => new Job(main, me).follow());
