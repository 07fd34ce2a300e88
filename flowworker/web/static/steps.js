// The steps of a run, as a list: which of many are shown is chosen by their states and their names.

import { h } from "./dom.js";
import { duration } from "./format.js";
import { badge, icon, wordOf } from "./states.js";
import { rows } from "./virtual.js";
import { reasonsOf } from "./why.js";

const ROW = 44;
const MANY = 12; // steps, of which one may want to see some

/** The list; `wanted` is `{state, find}`, and `choose` is told of another text while it is typed. */
export function steps(run, awaited, wanted, choose, chosen, address, memo, draw) {
  if (!run.steps.length) return h("p", { class: "empty" }, "There are no steps yet.");
  const all = run.steps.flatMap((step) => [step, ...(step.instances?.shown ?? [])]);
  const text = wanted.find.toLowerCase();
  const shown = all.filter((step) => (!wanted.state || step.status === wanted.state) && step.id.toLowerCase().includes(text));
  const row = (step) => stepRow(step, reasonsOf(awaited, step), chosen, address);
  return [
    (all.length > MANY || wanted.state || text) && filters(all, wanted, choose, address),
    shown.length
      ? rows(shown, ROW, row, memo, draw, `${shown.length} steps`)
      : h("p", { class: "empty" }, "No step is like that."),
  ];
}

function filters(all, wanted, choose, address) {
  const counts = new Map();
  for (const step of all) counts.set(step.status, (counts.get(step.status) ?? 0) + 1);
  if (wanted.state && !counts.has(wanted.state)) counts.set(wanted.state, 0);
  const chip = (state, ...content) => {
    const on = wanted.state === state;
    return h("a", { key: state, class: "chip", href: address({ state: on ? "" : state }), "aria-current": on && "true" }, ...content);
  };
  return h(
    "div",
    { key: "filters", class: "filters", role: "group", "aria-label": "Which steps" },
    h("div", { class: "chips" }, chip("", "All"), [...counts].map(([state, count]) => chip(state, icon(state), `${count.toLocaleString("en")} ${wordOf(state).toLowerCase()}`))),
    h(
      "label",
      { class: "find" },
      h("span", {}, "Find"),
      h("input", {
        type: "search",
        value: wanted.find,
        placeholder: "a part of a name",
        spellcheck: false,
        oninput: (event) => choose(event.target.value.trim()),
        onchange: (event) => (location.hash = address({ find: event.target.value.trim() })),
      }),
    ),
  );
}

function stepRow(step, reasons, chosen, address) {
  const begun = step.started_at > 0;
  return h(
    "a",
    { class: "step", href: address({ step: step.id }), "aria-current": step.id === chosen && "true" },
    badge(step.status),
    h("span", { class: "id" }, step.id),
    h("span", { class: "note" }, noteOf(step) || reasons[0]?.text),
    h("span", { class: "took" }, begun ? duration(step.started_at, step.finished_at) : ""),
  );
}

/** What is remarkable of a step, on one line. */
export function noteOf(step) {
  if (step.waits_for) return `no worker has ${step.waits_for}`;
  if (step.prompt) return step.prompt;
  if (step.signal) return `waits for the signal ${step.signal}`;
  if (step.instances) return Object.entries(step.instances.states).map(([state, count]) => `${count} ${wordOf(state).toLowerCase()}`).join(", ");
  if (step.status === "COMPLETED") return step.kept_from ? `kept from ${step.kept_from}` : "";
  if (step.error) return step.error;
  if (step.skipped) return step.skipped.replace("_", " ");
  return step.attempt > 1 ? `attempt ${step.attempt}` : "";
}
