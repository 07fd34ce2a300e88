// A definition as boxes and arrows; the server says where they go, once for each definition.

import { ask } from "./api.js";
import { h } from "./dom.js";
import { shapeOf, toneOf, wordOf } from "./states.js";

/** Where everything goes; null if it is too large to be drawn. */
export async function layoutOf(hash, signal) {
  const found = await ask(`definitions/${hash}/layout`, { signal });
  return found.drawn ? found : null;
}

/** `stepOf` gives the step of an id, or undefined; `href` where a box leads, or null. */
export function graph(layout, stepOf, href, chosen) {
  return h(
    "div",
    { class: "graph card", tabindex: "0", role: "group", "aria-label": `Graph of ${layout.title}` },
    h(
      "svg",
      { viewBox: `0 0 ${layout.width} ${layout.height}`, width: layout.width, height: layout.height, role: "group" },
      h(
        "defs",
        {},
        h("marker", { id: "tip", viewBox: "0 0 10 10", refX: 9, refY: 5, markerWidth: 7, markerHeight: 7, orient: "auto" }, h("path", { d: "M0 0L10 5L0 10" })),
      ),
      layout.edges.map((edge) => arrow(edge)),
      layout.nodes.map((node) => box(node, stepOf(node.step), href(node.step), node.step && node.step === chosen)),
    ),
  );
}

function arrow({ points, label }) {
  const [x, y] = points[Math.floor(points.length / 2)];
  return [
    h("path", { class: label ? "arrow other" : "arrow", d: `M${points.map((point) => point.join(" ")).join("L")}`, "marker-end": "url(#tip)" }),
    label && h("text", { class: "label", x: x + 4, y: y - 6 }, label),
  ];
}

function box(node, step, href, chosen) {
  const own = ["step", "wait", "run"].includes(node.kind);
  const seen = own ? step : undefined;
  const states = seen?.instances && Object.entries(seen.instances.states).map(([state, count]) => `${count} ${wordOf(state).toLowerCase()}`);
  const lines = states ? [node.lines[0], states.join(", "), ...node.lines.slice(1)] : node.lines;
  const name = `${node.lines.join(", ")}${seen ? `: ${wordOf(seen.status)}` : ""}`;
  const inside = [
    h("rect", { x: node.x, y: node.y, width: node.width, height: node.height, rx: node.kind === "wait" ? node.height / 2 : 6 }),
    node.kind === "run" && h("path", { class: "double", d: `M${node.x + 5} ${node.y}v${node.height}M${node.x + node.width - 5} ${node.y}v${node.height}` }),
    seen && h("svg", { class: "icon", x: node.x + 9, y: node.y + 7, width: 13, height: 13, viewBox: "0 0 16 16" }, h("path", { d: shapeOf(seen.status) })),
    lines.slice(0, Math.max(2, node.lines.length)).map((line, index) =>
      h("text", { class: index ? "more" : "first", x: node.x + node.width / 2 + (index || !seen ? 0 : 8), y: node.y + 18 + index * 16 }, line),
    ),
  ];
  const props = { key: node.id, class: `node kind-${node.kind} ${seen ? toneOf(seen.status) : "quiet"}${chosen ? " chosen" : ""}`, "aria-label": name };
  return own && href ? h("a", { ...props, href }, inside) : h("g", { ...props, role: "img" }, inside);
}
