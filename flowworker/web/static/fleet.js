// Who lives, what they serve, and what the doctor finds.

import { ask } from "./api.js";
import { queueActions } from "./actions.js";
import { h, render } from "./dom.js";
import { span, when } from "./format.js";
import { live, tick } from "./live.js";

const OFTEN = 3000; // ms between two looks: presence says so no more often
const LATE = 15; // seconds of silence after which somebody is looked at with doubt
const SEEN = 10; // and once in so many looks the doctor is asked

export function fleet(main, { may, signal }) {
  document.title = "Fleet · flowworker";
  const gone = new Map();
  let workers = null, coordinators = [], pauses = {}, findings = null, problem = null, looks = 0, known = [];

  async function load() {
    const [found, others, paused, doctor] = await Promise.all([
      ask("workers", { signal }),
      ask("coordinators", { signal }),
      ask("pauses", { signal }),
      looks++ % SEEN === 0 ? ask("doctor", { signal }) : findings,
    ]);
    return [found.workers, others.coordinators, paused.queues, doctor];
  }

  function draw() {
    render(
      main,
      h("h1", {}, "Fleet"),
      problem && h("p", { class: "error", role: "alert" }, problem),
      workers === null && !problem && h("p", { class: "empty" }, "Loading…"),
      workers !== null && [
        h("h2", {}, "Workers"),
        [...gone.values()].map((each) => h("p", { key: each.id, class: "error block", role: "status" }, `${each.id} is gone: it was here when this page was opened.`)),
        workers.length ? members("Workers", workers, ["Queues", "Slots", "Handlers"], workerCells) : h("p", { class: "empty" }, "No worker lives."),
        h("h2", {}, "Queues"),
        queues(workers, pauses, findings, may),
        h("h2", {}, "Coordinators"),
        coordinators.length ? members("Coordinators", coordinators, ["Partitions", "Runs"], coordinatorCells) : h("p", { class: "empty" }, "No coordinator lives: nothing moves."),
        findings && [h("h2", {}, findings.ok ? "All checks are well" : "Findings"), checks(findings.findings)],
      ],
    );
  }

  const refresh = live(
    load,
    (found) => {
      [workers, coordinators, pauses, findings] = found;
      const here = new Set([...workers, ...coordinators].map((each) => each.id));
      for (const each of known) if (!here.has(each.id) && !each.draining) gone.set(each.id, each);
      for (const id of here) gone.delete(id);
      known = [...workers, ...coordinators];
      problem = null;
      draw();
    },
    (error) => {
      problem = error.passing ? null : error.message;
      draw();
    },
    signal,
  );
  const timer = setInterval(refresh, OFTEN);
  signal.addEventListener("abort", () => clearInterval(timer));
  tick(draw, signal);
  draw();
}

function members(name, list, titles, cells) {
  return h(
    "table",
    { class: "rows members" },
    h("caption", { class: "unseen" }, name),
    h("thead", {}, h("tr", {}, ["Process", "State", ...titles].map((title) => h("th", { scope: "col" }, title)))),
    h(
      "tbody",
      {},
      list.map((each) =>
        h(
          "tr",
          { key: each.id },
          h("td", { "data-name": "Process" }, h("div", { class: "id" }, each.id), h("div", { class: "hint" }, `${each.host} · pid ${each.pid} · ${each.version} · started `, when(each.started_at))),
          h("td", { "data-name": "State" }, state(each)),
          cells(each).map((cell, index) => h("td", { "data-name": titles[index] }, cell)),
        ),
      ),
    ),
  );
}

function state(each) {
  if (each.draining) return h("span", { class: "warn" }, "Draining");
  if (each.age > LATE) return h("span", { class: "bad" }, `Silent for ${span(each.age)}`);
  return h("span", { class: "good" }, "Alive");
}

function workerCells(each) {
  const names = Object.keys(each.handlers);
  return [
    each.queues.join(", "),
    h("span", {}, h("meter", { min: 0, max: each.slots, value: each.running, "aria-label": "slots in use" }), ` ${each.running} of ${each.slots}`),
    h("details", {}, h("summary", {}, `${names.length} handlers`), names.map((name) => h("div", { class: "id" }, name))),
  ];
}

function coordinatorCells(each) {
  return [`${each.partitions.length}`, `${each.runs}`];
}

/** Each queue that somebody serves, or in which something waits by the doctor's word. */
function queues(workers, pauses, findings, may) {
  const served = new Map();
  for (const worker of workers) {
    for (const queue of worker.queues) served.set(queue, [...(served.get(queue) ?? []), worker]);
  }
  const found = new Map((findings?.findings ?? []).filter((each) => each.check.startsWith("queue ")).map((each) => [each.check.slice(6), each]));
  const names = [...new Set([...served.keys(), ...Object.keys(pauses), ...found.keys()])].sort();
  if (!names.length) return h("p", { class: "empty" }, "There is no queue.");
  const row = (name) => {
    const all = served.get(name) ?? [];
    const check = found.get(name);
    const pause = pauses[name];
    return h(
      "tr",
      { key: name },
      h("td", { class: "id" }, name),
      h("td", {}, pause ? [h("div", { class: "warn" }, "Paused ", when(pause.since), pause.actor && ` by ${pause.actor}`), pause.reason && h("div", { class: "hint" }, pause.reason)] : "Open"),
      h("td", {}, String(all.length)),
      h("td", {}, String(all.reduce((total, each) => total + each.slots - each.running, 0))),
      h("td", { class: check && !check.ok ? "bad" : null }, check?.found ?? ""),
      may && h("td", {}, queueActions(name, pause)),
    );
  };
  return h(
    "table",
    { class: "rows" },
    h("caption", { class: "unseen" }, "Queues"),
    h("thead", {}, h("tr", {}, ["Queue", "State", "Workers", "Free slots", "What waits", may && "Actions"].map((title) => title && h("th", { scope: "col" }, title)))),
    h("tbody", {}, names.map(row)),
  );
}

function checks(findings) {
  const bad = findings.filter((each) => !each.ok);
  return h(
    "ul",
    { class: "checks" },
    [...bad, ...findings.filter((each) => each.ok)].map((each) =>
      h("li", { key: each.check, class: each.ok ? "" : "error block" }, h("span", { class: each.ok ? "good" : "bad" }, each.ok ? "✓ " : "✕ "), h("strong", {}, each.check), `: ${each.found}`, !each.ok && each.advice && h("div", {}, each.advice)),
    ),
  );
}
