// Which corpus a page is about.

import { address, list } from "./api.js";
import { field, h, select } from "./dom.js";

/** A field that chooses a corpus, kept in the address; `changed(name)` is called at the beginning too. */
export async function chooseCorpus(main, changed) {
  const corpora = await list("/v1/corpora", "corpora", { limit: 500 });
  if (!corpora.length) {
    main.append(h("p", { class: "notice" }, "There is no corpus yet. Send documents on the page Jobs, or with `rag ingest`."));
    return;
  }
  const asked = new URLSearchParams(location.search).get("corpus");
  const choice = select(corpora.map((corpus) => [corpus.name, `${corpus.name} (${corpus.documents.toLocaleString()} documents)`]), asked);
  choice.addEventListener("change", () => {
    history.replaceState(null, "", address(location.pathname, { corpus: choice.value }));
    changed(choice.value);
  });
  main.append(field("Corpus", choice));
  await changed(choice.value);
}
