// The difference of two texts, word by word.

import { h } from "./dom.js";

const MOST_CELLS = 4_000_000; // of the table below; texts beyond that differ as a whole

/** Pieces {kind, text} that lead from `before` to `after`; a kind is "same", "removed" or "added". */
export function differences(before, after) {
  const [old, now] = [words(before), words(after)];
  if (old.length * now.length > MOST_CELLS) return [{ kind: "removed", text: before }, { kind: "added", text: after }];
  const longest = common(old, now);
  const pieces = [];
  const add = (kind, text) => {
    if (pieces.at(-1)?.kind === kind) pieces.at(-1).text += text;
    else pieces.push({ kind, text });
  };
  let [i, j] = [0, 0];
  while (i < old.length || j < now.length) {
    if (i < old.length && j < now.length && old[i] === now[j]) {
      add("same", old[i]);
      i += 1;
      j += 1;
    } else if (j >= now.length || (i < old.length && longest[i + 1][j] >= longest[i][j + 1])) {
      add("removed", old[i]);
      i += 1;
    } else {
      add("added", now[j]);
      j += 1;
    }
  }
  return pieces;
}

/** The difference as a person reads it. */
export function difference(before, after) {
  const tags = { same: "span", removed: "del", added: "ins" };
  return h("p", { class: "answer difference", dir: "auto" }, differences(before, after).map(({ kind, text }) => h(tags[kind], {}, text)));
}

const words = (text) => text.match(/\s+|[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu) ?? [];

// longest[i][j]: how many words old[i…] and now[j…] have in common, in their order.
function common(old, now) {
  const longest = Array.from({ length: old.length + 1 }, () => new Uint32Array(now.length + 1));
  for (let i = old.length - 1; i >= 0; i -= 1) {
    for (let j = now.length - 1; j >= 0; j -= 1) {
      longest[i][j] = old[i] === now[j] ? longest[i + 1][j + 1] + 1 : Math.max(longest[i + 1][j], longest[i][j + 1]);
    }
  }
  return longest;
}
