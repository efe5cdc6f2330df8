// A document: its text with a span of it marked, and its other versions.

import { address, call } from "../api.js";
import { announce, button, h, moment, number, one, select } from "../dom.js";
import { Characters, cut, selected } from "../spans.js";
import { attempt, start } from "../shell.js";

const id = location.pathname.split("/").pop();

function wantedSpan() {
  const asked = new URLSearchParams(location.search);
  const [start, end] = ["start", "end"].map((name) => Number.parseInt(asked.get(name), 10));
  return start >= 0 && end > start ? { start, end } : null;
}

function facts(document, shown) {
  const source = /^https?:\/\//i.test(document.source)
    ? h("a", { href: document.source, rel: "noreferrer noopener" }, document.source)
    : document.source;
  const listed = {
    Source: source,
    Status: document.status.replaceAll("_", " "),
    Changed: moment(document.updated_at),
    Characters: number(shown.length, 0),
    ...Object.fromEntries(Object.entries(document.metadata).map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)])),
  };
  return h("dl", { class: "facts" }, Object.entries(listed).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

function versions(document, shown) {
  if (document.version === 1) return null;
  const options = Array.from({ length: document.version }, (_, i) => [String(document.version - i), i ? `${document.version - i}` : `${document.version} (newest)`]);
  const choice = select(options, String(shown), { "aria-label": "Version", on: { change: () => location.assign(address(`/documents/${id}`, { version: choice.value })) } });
  const old = shown < document.version
    ? h("p", { class: "notice" }, `This is version ${shown}, which the citation was made from. The document has changed since. `, h("a", { href: `/documents/${id}` }, "Show the newest"))
    : null;
  return [h("p", { class: "row" }, "Version ", choice), old];
}

function showText(characters, span) {
  const pieces = cut(characters, span ? [span] : []).map((piece) => piece.spans.length
    ? h("mark", { class: "lit", id: "span", tabindex: "-1" }, piece.text)
    : piece.text);
  return h("div", { class: "text whole", dir: "auto" }, pieces);
}

function linker(text, version) {
  const link = h("p", { class: "row" });
  const make = () => {
    const found = selected(text);
    if (!found) return;
    const target = address(`/documents/${id}`, { version, start: found.start, end: found.end });
    link.replaceChildren(
      h("a", { href: target }, `Characters ${found.start} to ${found.end}`),
      button("Copy link", async () => {
        await navigator.clipboard.writeText(new URL(target, location.href).href);
        announce("Link copied");
      }));
  };
  document.addEventListener("selectionchange", make);
  link.append(h("span", { class: "note" }, "Select text to link to it."));
  return link;
}

start(async (main) => {
  const asked = new URLSearchParams(location.search).get("version");
  await attempt(main.appendChild(h("div", {})), async () => {
    const [known, read] = await Promise.all([
      call(address(`/v1/documents/${id}`, { version: asked })),
      call(address(`/v1/documents/${id}/text`, { version: asked }))]);
    document.title = `${read.title || read.source} · Groundwork`;
    one("h1").textContent = read.title || read.source;
    const characters = new Characters(read.text);
    const text = showText(characters, wantedSpan());
    main.append(facts(known, characters), h("div", {}, versions(known, read.version) ?? ""), linker(text, read.version), text);
    const mark = one("#span");
    mark?.scrollIntoView({ block: "center" });
    mark?.focus({ preventScroll: true });
  });
});
