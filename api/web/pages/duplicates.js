// Duplicates: documents that say the same, and which of them is searched.

import { call } from "../api.js";
import { chooseCorpus } from "../corpora.js";
import { announce, button, h, percent } from "../dom.js";
import { Listing } from "../listing.js";
import { allows, attempt, start } from "../shell.js";

start(async (main, me) => {
  let corpus = null;
  const split = (document) => async () => {
    await attempt(listing.trouble, async () => {
      await call(`/v1/duplicates/${document.id}/split`, { method: "POST" });
      announce("Kept apart from now on");
    });
    await listing.load();
  };
  const named = (document) => h("a", { href: `/documents/${document.id}` }, document.title || document.source);
  const copy = (document) => h("li", {}, named(document), " ", h("span", { class: "note" }, document.source), " ",
    h("span", { class: "tag" }, document.status === "duplicate" ? "the same text" : `${percent(document.similarity)} alike`), " ",
    document.status === "near_duplicate" && allows(me.role, "contributor")
      ? button("Keep apart", split(document), { class: "small", "aria-label": `Keep ${document.source} apart` }) : null);
  const listing = new Listing("Duplicates", ["Searched", "Stands for"], {
    path: "/v1/duplicates", name: "clusters", parameters: () => ({ corpus }), none: "No document repeats another.",
    row: (cluster) => [h("span", { class: "long" }, named(cluster.canonical), " ", h("span", { class: "note" }, cluster.canonical.source)), h("ul", {}, cluster.copies.map(copy))],
  });
  const place = h("div", {});
  await chooseCorpus(main, (name) => {
    corpus = name;
    place.replaceChildren(listing.element);
    main.append(place);
    return listing.load();
  });
});
