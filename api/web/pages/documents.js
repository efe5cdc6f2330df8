// Documents: what a corpus holds, and who may see it.

import { corpusAccess, documentReaders } from "../access.js";
import { call } from "../api.js";
import { chooseCorpus } from "../corpora.js";
import { announce, button, h, moment, number } from "../dom.js";
import { Listing } from "../listing.js";
import { allows, attempt, start } from "../shell.js";

const STATUS = { current: "good", near_duplicate: "warn", duplicate: "warn" };

start(async (main, me) => {
  let corpus = null;
  const place = h("div", {});
  const readers = h("div", {});
  const remove = (document) => async () => {
    if (!confirm(`Take “${document.title || document.source}” out of search?`)) return;
    await attempt(listing.trouble, async () => {
      await call(`/v1/documents/${document.id}`, { method: "DELETE" });
      announce("Document deleted");
    });
    await listing.load();
  };
  const show = (document) => async (event) => {
    const from = event.currentTarget;
    const done = () => {
      readers.replaceChildren();
      from.focus();
    };
    await attempt(readers, async () => {
      readers.append(await documentReaders(document, done));
      readers.firstChild.focus();
    });
  };
  const actions = (document) => [
    button("Readers", show(document), { class: "small", "aria-label": `Readers of ${document.source}` }), " ",
    button("Delete", remove(document), { class: "small", "aria-label": `Delete ${document.source}` })];
  const row = (document) => [
    h("a", { class: "long", href: `/documents/${document.id}` }, document.title || document.source),
    h("span", { class: "long" }, document.source),
    h("span", { class: `tag ${STATUS[document.status] ?? ""}` }, document.status.replaceAll("_", " ")),
    String(document.version), number(document.characters, 0), moment(document.updated_at),
    allows(me.role, "contributor") ? h("span", { class: "name" }, actions(document)) : "",
  ];
  const listing = new Listing("Documents", ["Title", "Source", "Status", "Version", "Characters", "Changed", "Action"],
    { path: "/v1/documents", name: "documents", parameters: () => ({ corpus }), row });
  await chooseCorpus(main, (name) => {
    corpus = name;
    readers.replaceChildren();
    place.replaceChildren(allows(me.role, "contributor") ? corpusAccess(name) : "", readers, listing.element);
    main.append(place);
    return listing.load();
  });
});
