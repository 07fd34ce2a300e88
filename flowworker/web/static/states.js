// States by shape, word and colour: none of the three is needed to tell them apart.

import { h } from "./dom.js";

const RING = "M8 2a6 6 0 1 1 0 12A6 6 0 1 1 8 2";
const TURN = "M13 8a5 5 0 1 1-1.6-3.7M13 2v3h-3";
const BACK = "M13 12V9a2 2 0 0 0-2-2H3M6 4 3 7l3 3";

const PAUSE = "M5 3v10M11 3v10";
const CLOCK = `${RING}M8 5v3l2.5 1.5`;
const CROSS = "M4 4l8 8M12 4l-8 8";
const ONWARD = "M3 4l4 4-4 4M8 4l4 4-4 4";

const SHAPES = {
  PENDING: ["quiet", RING],
  RUNNING: ["active", `${RING}M6.5 5.5 10.5 8l-4 2.5z`],
  RETRYING: ["warn", TURN],
  REPEATING: ["active", TURN],
  FALLBACK: ["warn", "M3 3v5a2 2 0 0 0 2 2h8M10 7l3 3-3 3"],
  WAITING_HUMAN: ["warn", PAUSE],
  COMPLETED: ["good", "M3 8.5 6.5 12 13 4.5"],
  FAILED: ["bad", CROSS],
  SKIPPED: ["quiet", ONWARD],
  CANCELLED: ["quiet", `${RING}M4 12 12 4`],
  COMPENSATING: ["warn", BACK],
  COMPENSATED: ["quiet", BACK],
  // Of schedules and their times.
  ACTIVE: ["active", CLOCK],
  PAUSED: ["warn", PAUSE],
  ENDED: ["quiet", "M4 4h8v8H4z"],
  WAITING: ["quiet", CLOCK],
  STARTING: ["active", RING],
  MISSED: ["warn", `${ONWARD}M13 4v8`],
  REJECTED: ["bad", CROSS],
};

const WORDS = { WAITING_HUMAN: "Waiting" };

export function wordOf(status) {
  return WORDS[status] ?? status.charAt(0) + status.slice(1).toLowerCase().replaceAll("_", " ");
}

export function toneOf(status) {
  return SHAPES[status]?.[0] ?? "quiet";
}

export function shapeOf(status) {
  return SHAPES[status]?.[1] ?? RING;
}

/** Its shape; the word is to stand beside it. */
export function icon(status) {
  return h(
    "svg",
    { class: `icon ${toneOf(status)}`, viewBox: "0 0 16 16", "aria-hidden": "true" },
    h("path", { d: shapeOf(status) }),
  );
}

export function badge(status) {
  return h("span", { class: `badge ${toneOf(status)}`, "data-status": status }, icon(status), wordOf(status));
}
