// Plots: lines and bars over a common axis, to be hovered, walked through with arrow keys, and taken away.

import { button, fresh, h, save, svg, table } from "./dom.js";

const HEIGHT = 220;
const EDGE = { left: 52, right: 12, top: 10, bottom: 26 };
const TICKS = 4;

/**
 * A figure with a plot.
 *
 * `xs` are the places on the axis (numbers), `series` have a `name` and `ys` (null leaves a gap), `kind` is "line"
 * or "bars" (stacked). `showX` and `showY` write values; `most` is the top of the axis where it is known.
 */
export function plot(title, data) {
  const readout = h("p", { class: "readout note", id: fresh("readout") }, " ");
  const frame = h("div", { class: "frame" });
  const figure = h("figure", { class: "plot card" }, h("figcaption", {}, title), frame, legend(data), readout,
    h("p", { class: "row" }, button("PNG", () => savePng(frame.firstChild, title), { class: "small", "aria-label": `${title} as PNG` }),
      button("CSV", () => saveCsv(title, data), { class: "small", "aria-label": `${title} as CSV` })),
    h("details", {}, h("summary", {}, "As a table"), table(title, ["At", ...data.series.map((each) => each.name)], rows(data))));
  let width = 0;
  new ResizeObserver(([{ contentRect }]) => {
    if (Math.abs(contentRect.width - width) < 2) return;
    width = contentRect.width;
    frame.replaceChildren(draw(title, data, width, readout));
  }).observe(frame);
  return figure;
}

const rows = ({ xs, series, showX, showY }) => xs.map((x, i) => [showX(x, i), ...series.map(({ ys }) => (ys[i] === null || ys[i] === undefined ? "–" : showY(ys[i])))]);

function legend({ series }) {
  return series.length > 1 ? h("ul", { class: "legend" }, series.map(({ name }, i) => h("li", { class: `series-${i + 1}` }, name))) : "";
}

function scales({ xs, series, kind, most }, width) {
  const stacked = xs.map((_, i) => series.reduce((sum, { ys }) => sum + (ys[i] ?? 0), 0));
  const values = kind === "bars" ? stacked : series.flatMap(({ ys }) => ys.filter((y) => y !== null && y !== undefined));
  const needed = round(Math.max(...values, 0) || 1);
  const highest = most ?? (kind === "bars" ? Math.max(TICKS, needed) : needed); // bars count: whole numbers at the ticks
  const inner = { width: width - EDGE.left - EDGE.right, height: HEIGHT - EDGE.top - EDGE.bottom };
  const [first, last] = [xs[0] ?? 0, xs.at(-1) ?? 1];
  const band = inner.width / Math.max(xs.length, 1);
  const x = kind === "bars" ? (i) => EDGE.left + band * (i + 0.5)
    : (i) => EDGE.left + (last === first ? inner.width / 2 : ((xs[i] - first) / (last - first)) * inner.width);
  return { x, y: (value) => EDGE.top + inner.height * (1 - value / highest), band, highest };
}

/** The next number whose quarters are short to write. */
function round(value) {
  const power = 10 ** Math.floor(Math.log10(value || 1));
  return [1.2, 2, 4, 8, 12].map((step) => step * power).find((step) => step >= value);
}

function draw(title, data, width, readout) {
  const scale = scales(data, width);
  const cursor = svg("line", { class: "cursor", y1: EDGE.top, y2: HEIGHT - EDGE.bottom, visibility: "hidden" });
  const shapes = data.kind === "bars" ? bars(data, scale) : lines(data, scale);
  const made = svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img", tabindex: "0", "aria-label": `${title}. ${summary(data)}`, "aria-describedby": readout.id },
    grid(data, scale, width), xLabels(data, scale), shapes, cursor);
  let at = -1;
  const show = (i) => {
    if (i < 0 || i >= data.xs.length) return;
    at = i;
    cursor.setAttribute("x1", scale.x(i));
    cursor.setAttribute("x2", scale.x(i));
    cursor.setAttribute("visibility", "visible");
    const values = data.series.map(({ name, ys }) => `${name}: ${ys[i] === null || ys[i] === undefined ? "–" : data.showY(ys[i])}`);
    readout.textContent = `${data.showX(data.xs[i], i)} · ${values.join(" · ")}`;
  };
  made.addEventListener("pointermove", (event) => show(nearest(data, scale, event.clientX - made.getBoundingClientRect().left)));
  made.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    show(Math.max(0, Math.min(data.xs.length - 1, at + step)));
  });
  return made;
}

function nearest({ xs }, scale, x) {
  let best = -1;
  for (let i = 0; i < xs.length; i += 1) if (best < 0 || Math.abs(scale.x(i) - x) < Math.abs(scale.x(best) - x)) best = i;
  return best;
}

function summary({ xs, series, showX, showY }) {
  if (!xs.length) return "No data.";
  return series.map(({ name, ys }) => `${name}: last ${showY(ys.findLast((y) => y !== null && y !== undefined) ?? 0)}`).join(", ") + `; from ${showX(xs[0], 0)} to ${showX(xs.at(-1), xs.length - 1)}.`;
}

function grid({ showY }, scale, width) {
  return Array.from({ length: TICKS + 1 }, (_, i) => {
    const value = (scale.highest * i) / TICKS;
    return [
      svg("line", { class: "grid", x1: EDGE.left, x2: width - EDGE.right, y1: scale.y(value), y2: scale.y(value) }),
      svg("text", { x: EDGE.left - 6, y: scale.y(value) + 4, "text-anchor": "end" }, showY(value))];
  });
}

function xLabels({ xs, showX, kind }, scale) {
  const stride = Math.max(1, Math.ceil(xs.length / 5));
  return xs.map((x, i) => (i % stride ? null : svg("text", { x: scale.x(i), y: HEIGHT - 8, "text-anchor": i === 0 && kind === "line" ? "start" : i === xs.length - 1 && kind === "line" ? "end" : "middle" }, showX(x, i))));
}

function lines({ xs, series }, scale) {
  return series.map(({ ys }, n) => {
    let pen = "M";
    const path = xs.map((_, i) => {
      if (ys[i] === null || ys[i] === undefined) {
        pen = "M";
        return "";
      }
      const step = `${pen}${scale.x(i).toFixed(1)} ${scale.y(ys[i]).toFixed(1)}`;
      pen = "L";
      return step;
    }).join(" ");
    const dots = xs.length <= 60 ? xs.map((_, i) => (ys[i] === null || ys[i] === undefined ? null : svg("circle", { cx: scale.x(i), cy: scale.y(ys[i]), r: 2.5 }))) : [];
    return svg("g", { class: `series-${n + 1}` }, svg("path", { class: "line", d: path }), dots);
  });
}

function bars({ xs, series }, scale) {
  const below = xs.map(() => 0);
  return series.map(({ ys }, n) => svg("g", { class: `series-${n + 1}` }, xs.map((_, i) => {
    if (!ys[i]) return null;
    const [bottom, top] = [scale.y(below[i]), scale.y((below[i] += ys[i]))];
    return svg("rect", { x: scale.x(i) - scale.band * 0.42, width: scale.band * 0.84, y: top, height: Math.max(0.5, bottom - top) });
  })));
}

function saveCsv(title, data) {
  const quoted = (cell) => `"${String(cell ?? "").replaceAll('"', '""')}"`;
  const values = data.xs.map((x, i) => [data.showX(x, i), ...data.series.map(({ ys }) => ys[i] ?? "")]);
  const text = [["", ...data.series.map((each) => each.name)], ...values].map((cells) => cells.map(quoted).join(",")).join("\r\n");
  save(new Blob([text], { type: "text/csv" }), `${title}.csv`);
}

/** The picture as it stands on the page: styles are written into a copy, since a picture has no stylesheet. */
function savePng(drawn, title) {
  const copy = drawn.cloneNode(true);
  const originals = drawn.querySelectorAll("*");
  copy.querySelectorAll("*").forEach((element, i) => {
    const style = getComputedStyle(originals[i]);
    for (const name of ["fill", "stroke", "stroke-width", "font-size", "font-family", "visibility"]) element.setAttribute(name, style.getPropertyValue(name));
  });
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  const url = URL.createObjectURL(new Blob([new XMLSerializer().serializeToString(copy)], { type: "image/svg+xml" }));
  const image = new Image();
  image.addEventListener("load", () => {
    const canvas = h("canvas", { width: image.width * 2, height: image.height * 2 });
    const pen = canvas.getContext("2d");
    pen.fillStyle = getComputedStyle(drawn.closest("figure")).backgroundColor;
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(image, 0, 0, canvas.width, canvas.height);
    URL.revokeObjectURL(url);
    canvas.toBlob((blob) => save(blob, `${title}.png`));
  });
  image.src = url;
}
