// When each attempt ran, from a run's events. Time in which nothing ran is folded, so that a night of
// waiting does not squeeze a minute of work.

import { h } from "./dom.js";
import { now, span } from "./format.js";
import { icon, toneOf, wordOf } from "./states.js";
import { rows } from "./virtual.js";

const ENDS = {
  "workflow.step.completed": "COMPLETED",
  "workflow.step.attempt_failed": "FAILED",
  "workflow.step.failed": "FAILED",
  "workflow.step.iterated": "REPEATING",
  "workflow.step.skipped": "SKIPPED",
  "workflow.step.cancelled": "CANCELLED",
  "workflow.step.compensated": "COMPENSATED",
  "workflow.step.compensation_failed": "FAILED",
};
const RUN_ENDS = new Set(["workflow.completed", "workflow.failed", "workflow.cancelled"]);
const FOLD = 0.1; // idle time that is longer than that part of the busy time is folded,
const LEAST = 1; // if it is longer than so many seconds,
const FOLDED = 0.06; // to that part of it
const OFTEN = 0.5; // seconds between two times that what goes on has grown

/**
 * Bars by row: `{id, bars: [{from, to, status, attempt, works}]}`, in the order of their beginning.
 *
 * Of an attempt that is not the first, its end says when it began, and until then the step, of those that are shown.
 */
export function bars(events, steps = []) {
  const found = new Map(), open = new Map();
  let ended = 0;
  const close = (id, at, status) => {
    const bar = open.get(id);
    if (!bar) return;
    Object.assign(bar, { from: Math.min(bar.from, at), to: at, status });
    open.delete(id);
  };
  for (const { type, data, time } of events) {
    const at = data.at || Date.parse(time) / 1000;
    if (RUN_ENDS.has(type)) ended = at;
    if (!data.step_id) continue;
    const id = data.index === undefined ? data.step_id : `${data.step_id}[${data.index}]`;
    const begin = (bar) => {
      if (!found.has(id)) found.set(id, { id, bars: [] });
      found.get(id).bars.push(bar);
      open.set(id, bar);
    };
    if (type === "workflow.step.started") {
      close(id, at, "FAILED"); // it was lost: another one has begun
      begin({ from: at, to: 0, status: "RUNNING", attempt: data.attempt, kind: data.kind, works: Boolean(data.worker) });
    } else if (type === "workflow.step.retrying") {
      close(id, at, "FAILED");
      const last = found.get(id)?.bars.at(-1);
      begin({ from: at + (data.delay ?? 0), to: 0, status: "RETRYING", attempt: (last?.attempt ?? 0) + 1, kind: last?.kind ?? "run", works: true, due: true });
    } else if (ENDS[type]) {
      if (!open.has(id) && data.attempt) begin({ from: data.started_at ?? at, attempt: data.attempt, kind: data.kind ?? "run", works: true });
      const bar = open.get(id);
      if (bar?.due && data.started_at) bar.from = data.started_at;
      close(id, at, ENDS[type]);
    }
  }
  for (const { id, started_at } of steps.flatMap((step) => [step, ...(step.instances?.shown ?? [])])) {
    const bar = open.get(id), before = found.get(id)?.bars.at(-2);
    if (bar?.due && started_at > before?.to) Object.assign(bar, { from: started_at, status: "RUNNING" });
  }
  if (ended) for (const id of [...open.keys()]) close(id, ended, "CANCELLED");
  return [...found.values()];
}

/** From seconds to parts of the width: a line with a piece for each stretch of time. */
export function scale(all, until) {
  const each = all.flatMap((row) => row.bars).map((bar) => ({ ...bar, to: bar.to || Math.max(bar.from, until) }));
  const times = [...new Set(each.flatMap((bar) => [bar.from, bar.to]))].sort((a, b) => a - b);
  const working = each.filter((bar) => bar.works).sort((a, b) => a.from - b.from);
  let next = 0, reach = -Infinity;
  const pieces = times.slice(1).map((to, index) => {
    const from = times[index];
    while (next < working.length && working[next].from <= from) reach = Math.max(reach, working[next++].to);
    return { from, to, idle: reach <= from };
  });
  const merged = [];
  for (const piece of pieces) {
    const last = merged.at(-1);
    if (last?.idle && piece.idle) last.to = piece.to;
    else merged.push(piece);
  }
  const busy = sum(merged.filter((piece) => !piece.idle)) || 1;
  let width = 0;
  for (const piece of merged) {
    const length = piece.to - piece.from;
    piece.folded = piece.idle && length > Math.max(LEAST, FOLD * busy);
    piece.start = width;
    piece.width = piece.folded ? FOLDED * busy : length;
    width += piece.width;
  }
  const place = (time) => {
    let low = 0, high = merged.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (merged[middle].from <= time) low = middle;
      else high = middle - 1;
    }
    const piece = merged[low];
    if (!piece || !width) return 0;
    const share = Math.min(1, Math.max(0, (time - piece.from) / (piece.to - piece.from || 1)));
    return (100 * (piece.start + share * piece.width)) / width;
  };
  return { place, folds: merged.filter((piece) => piece.folded), busy };
}

function sum(pieces) {
  return pieces.reduce((total, piece) => total + piece.to - piece.from, 0);
}

/** The same, kept for as long as no event comes, no step is read anew, and nothing that goes on grows. */
function placed(events, steps, memo) {
  if (memo.count !== events.size || memo.steps !== steps) {
    const all = bars([...events.values()], steps);
    const open = all.some((row) => row.bars.some((bar) => !bar.to));
    Object.assign(memo, { count: events.size, steps, all, open, at: 0 });
  }
  if (!memo.at || (memo.open && now() - memo.at > OFTEN)) {
    memo.at = now();
    memo.scale = scale(memo.all, memo.at);
  }
  return { all: memo.all, until: memo.at, ...memo.scale };
}

export function timeline(events, steps, memo, draw, address) {
  const { all, until, place, folds, busy } = placed(events, steps, memo);
  if (!all.length) return h("p", { class: "empty" }, "No attempt has begun yet.");
  const idle = sum(folds);
  const strips = folds.map((fold) =>
    h("span", { class: "fold", title: `${span(fold.to - fold.from)} in which nothing ran`, style: { left: `${place(fold.from)}%`, width: `${place(fold.to) - place(fold.from)}%` } }),
  );
  const row = ({ id, bars: own }) =>
    h(
      "a",
      { class: "bars", href: address({ step: id, tab: "" }) },
      h("span", { class: "id" }, id),
      h("span", { class: "lane" }, strips, own.map((bar) => one(bar, place, until))),
    );
  return [
    h("p", { class: "hint" }, `Work of ${span(busy)}`, idle > 0 && ` · ${span(idle)} without work are folded to the hatched strips`),
    rows(all, 34, row, memo, draw, `${all.length} steps on a line of time`),
  ];
}

function one(bar, place, until) {
  const to = bar.to || Math.max(bar.from, until);
  const left = place(bar.from);
  const kind = bar.kind === "run" ? "" : ` of the ${bar.kind}`;
  const words = `Attempt ${bar.attempt}${kind}: ${wordOf(bar.status).toLowerCase()}, ${span(to - bar.from)}`;
  return h(
    "span",
    {
      class: `bar ${bar.works ? "" : "waits "}${toneOf(bar.status)}`,
      role: "img",
      "aria-label": words,
      title: words,
      style: { left: `${left}%`, width: `${place(to) - left}%` },
    },
    icon(bar.status),
  );
}
