// A definition as boxes and arrows; the server says where they go, once for each definition.

import { ask } from "./api.js";
import { h } from "./dom.js";
import { shapeOf, toneOf, wordOf } from "./states.js";

const STEP = 1.25, SMALLEST = 0.05, LARGEST = 4; // of the zoom
const WORST = ["FAILED", "WAITING_HUMAN", "RETRYING", "FALLBACK", "COMPENSATING", "RUNNING", "REPEATING", "CANCELLED", "PENDING", "COMPENSATED", "SKIPPED", "COMPLETED"];

/** Where everything goes; null if it is too large to be drawn. */
export async function layoutOf(hash, signal) {
  const found = await ask(`definitions/${hash}/layout`, { signal });
  return found.drawn ? found : null;
}

/** `steps` are those of a run, if there is one; `address` gives what a change of the view leads to. */
export function graph(layout, steps, address, chosen, memo, draw) {
  const byId = new Map(steps.map((each) => [each.id, each]));
  const zoom = memo.zoom ?? 1;
  return [
    tools(layout, memo, draw),
    h(
      "div",
      { key: "graph", class: "graph card", tabindex: "0", role: "group", "aria-label": `Graph of ${layout.title}` },
      h(
        "svg",
        { viewBox: `0 0 ${layout.width} ${layout.height}`, width: layout.width * zoom, height: layout.height * zoom, role: "group" },
        h(
          "defs",
          {},
          h("marker", { id: "tip", viewBox: "0 0 10 10", refX: 9, refY: 5, markerWidth: 7, markerHeight: 7, orient: "auto" }, h("path", { d: "M0 0L10 5L0 10" })),
        ),
        layout.edges.map((edge) => arrow(edge)),
        layout.nodes.map((node) =>
          node.steps.length
            ? many(node, node.steps.map((id) => byId.get(id)).filter(Boolean), address && address({ tab: "", step: "", find: shared(node.steps) }))
            : box(node, byId.get(node.step), address && node.step && address({ step: node.step }), node.step && node.step === chosen),
        ),
      ),
    ),
  ];
}

function tools(layout, memo, draw) {
  const to = (zoom) => {
    memo.zoom = Math.min(LARGEST, Math.max(SMALLEST, zoom));
    draw();
  };
  const fit = (event) => {
    const { clientWidth, clientHeight } = event.target.closest(".part, main").querySelector(".graph");
    to(Math.min(1, clientWidth / layout.width, clientHeight / layout.height));
  };
  const button = (name, sign, onclick) => h("button", { key: name, type: "button", class: "second", "aria-label": name, onclick }, sign);
  return h(
    "div",
    { key: "zoom", class: "buttons", role: "group", "aria-label": "Zoom" },
    button("Smaller", "−", () => to((memo.zoom ?? 1) / STEP)),
    h("output", { class: "hint", "aria-label": "Size" }, `${Math.round(100 * (memo.zoom ?? 1))} %`),
    button("Larger", "+", () => to((memo.zoom ?? 1) * STEP)),
    button("Fit", "Fit", fit),
  );
}

/** How all of these names begin. */
function shared(names) {
  let length = names[0].length;
  for (const name of names) while (!name.startsWith(names[0].slice(0, length))) length -= 1;
  return names[0].slice(0, length);
}

function arrow({ points, label }) {
  const [x, y] = points[Math.floor(points.length / 2)];
  return [
    h("path", { class: label ? "arrow other" : "arrow", d: `M${points.map((point) => point.join(" ")).join("L")}`, "marker-end": "url(#tip)" }),
    label && h("text", { class: "label", x: x + 4, y: y - 6 }, label),
  ];
}

/** One box for steps that are alike: how many are in which state, and as what it looks. */
function many(node, steps, href) {
  const counts = {};
  for (const { status } of steps) counts[status] = (counts[status] ?? 0) + 1;
  const status = WORST.find((each) => counts[each]);
  return box({ ...node, kind: "step" }, status && { status, instances: { states: counts } }, href, false);
}

function box(node, step, href, chosen) {
  const own = ["step", "wait", "run"].includes(node.kind);
  const seen = own ? step : undefined;
  const states = seen?.instances && Object.entries(seen.instances.states).map(([state, count]) => `${count.toLocaleString("en")} ${wordOf(state).toLowerCase()}`);
  const lines = states ? [node.lines[0], states.join(", "), ...node.lines.slice(1)] : node.lines;
  const name = `${node.lines.join(", ")}${seen ? `: ${wordOf(seen.status)}` : ""}`;
  const inside = [
    h("rect", { x: node.x, y: node.y, width: node.width, height: node.height, rx: node.kind === "wait" ? node.height / 2 : 6 }),
    node.kind === "run" && h("path", { class: "double", d: `M${node.x + 5} ${node.y}v${node.height}M${node.x + node.width - 5} ${node.y}v${node.height}` }),
    seen && h("svg", { class: "icon", "aria-hidden": "true", x: node.x + 9, y: node.y + 7, width: 13, height: 13, viewBox: "0 0 16 16" }, h("path", { d: shapeOf(seen.status) })),
    lines.slice(0, Math.max(2, node.lines.length)).map((line, index) =>
      h("text", { class: index ? "more" : "first", x: node.x + node.width / 2 + (index || !seen ? 0 : 8), y: node.y + 18 + index * 16 }, line),
    ),
  ];
  const props = { key: node.id, class: `node kind-${node.kind} ${seen ? toneOf(seen.status) : "quiet"}${chosen ? " chosen" : ""}`, "aria-label": name };
  return own && href ? h("a", { ...props, href }, inside) : h("g", { ...props, role: "img" }, inside);
}
