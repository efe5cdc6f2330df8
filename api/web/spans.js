// Spans of texts. The server counts Unicode characters; JavaScript counts UTF-16 units, two for some of them.

/** A text that is cut at positions which count Unicode characters. */
export class Characters {
  constructor(text) {
    this.text = text;
    this.plain = !/[\ud800-\udfff]/.test(text); // then both counts are the same
    this.characters = this.plain ? null : Array.from(text);
  }

  get length() {
    return this.plain ? this.text.length : this.characters.length;
  }

  slice(start, end = this.length) {
    return this.plain ? this.text.slice(start, end) : this.characters.slice(start, end).join("");
  }
}

/** How many Unicode characters a text has. */
export const count = (text) => new Characters(text).length;

/**
 * A text cut at the ends of all spans: pieces {text, start, end, spans}, each inside all of its spans or none.
 * Spans are {start, end, …}; what lies outside the text is cut off.
 */
export function cut(text, spans) {
  const characters = text instanceof Characters ? text : new Characters(text);
  const most = characters.length;
  const inside = spans
    .map((span) => ({ span, start: Math.max(0, span.start), end: Math.min(most, span.end) }))
    .filter(({ start, end }) => start < end);
  const ends = new Set([0, most, ...inside.flatMap(({ start, end }) => [start, end])]);
  const places = [...ends].sort((one, other) => one - other);
  return places.slice(0, -1).map((start, i) => ({
    text: characters.slice(start, places[i + 1]),
    start,
    end: places[i + 1],
    spans: inside.filter((found) => found.start <= start && found.end >= places[i + 1]).map((found) => found.span),
  }));
}

/** What is selected inside an element, as characters of its text: {start, end, text}; null for nothing. */
export function selected(element) {
  const selection = getSelection();
  if (!selection.rangeCount || selection.isCollapsed) return null;
  const range = selection.getRangeAt(0);
  if (!element.contains(range.commonAncestorContainer)) return null;
  const before = document.createRange();
  before.selectNodeContents(element);
  before.setEnd(range.startContainer, range.startOffset);
  const text = range.toString();
  const start = count(before.toString());
  return text ? { start, end: start + count(text), text } : null;
}
