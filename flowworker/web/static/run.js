// One run: its steps and what happens in it, as it happens.

import { runActions, stepActions } from "./actions.js";
import { ask, part } from "./api.js";
import { h, render } from "./dom.js";
import { clock, duration, json, size, when } from "./format.js";
import { graph, layoutOf } from "./graph.js";
import { runLink } from "./links.js";
import { listen, live, tick } from "./live.js";
import { badge, wordOf } from "./states.js";
import { timeline } from "./timeline.js";
import { rows } from "./virtual.js";
import { reasons, reasonsOf, why } from "./why.js";

const TABS = [["steps", "Steps"], ["graph", "Graph"], ["timeline", "Timeline"], ["values", "Input and output"], ["history", "History"]];
const ENDED = new Set(["COMPLETED", "FAILED", "CANCELLED"]);
const ROW = 44;

export function run(main, { parts: [id], query, may, signal }) {
  document.title = `${id} · flowworker`;
  const tab = query.get("tab") ?? "steps";
  const chosen = query.get("step");
  const path = `runs/${part(id)}`;
  const memo = { steps: {}, history: {}, timeline: {} };
  const events = new Map();
  let found = null, step = null, problem = null, pinned = null, awaited = null, layout;

  async function load() {
    const seen = await ask(`${path}?values=${tab === "values"}&children=false`, { signal });
    pinned ??= await ask(`${path}/workflow`, { signal }).catch(() => null);
    if (tab === "graph" && pinned) layout ??= (await layoutOf(pinned.hash, signal)) ?? false;
    if (chosen) step = await ask(`${path}/steps/${part(chosen)}`, { signal });
    return seen;
  }

  function address(changes) {
    const other = new URLSearchParams(query);
    for (const [name, value] of Object.entries(changes)) {
      if (value) other.set(name, value);
      else other.delete(name);
    }
    return `#/runs/${part(id)}${other.size ? "?" : ""}${other}`;
  }

  function content() {
    if (tab === "history") return history([...events.values()], memo.history, draw);
    if (tab === "values") return values(found);
    if (tab === "timeline") return timeline([...events.values()], memo.timeline, draw, address);
    return [tab === "graph" ? picture() : steps(found, awaited, chosen, address, memo.steps, draw), step && detail(step, reasonsOf(awaited, step), address, stepActions(found, step, pinned?.definition, may))];
  }

  function picture() {
    if (!layout) return h("p", { class: "empty" }, "It is too large to be drawn: see its steps.");
    const byId = new Map(found.steps.map((each) => [each.id, each]));
    return graph(layout, (each) => byId.get(each), (each) => each && address({ step: each }), chosen);
  }

  function draw() {
    render(
      main,
      h("p", { class: "crumb" }, h("a", { href: "#/runs" }, "Runs")),
      h("h1", { class: "id" }, id),
      problem && h("p", { class: "error", role: "alert" }, problem),
      !found && !problem && h("p", { class: "empty" }, "Loading…"),
      found && summary(found),
      found && !ENDED.has(found.status) && why("Why the run does not move", awaited?.reasons),
      found && runActions(found, may),
      found &&
        h(
          "nav",
          { class: "tabs", "aria-label": "Parts of the run" },
          TABS.map(([name, word]) =>
            h("a", { key: name, href: address({ tab: name === "steps" ? "" : name, step: "" }), "aria-current": name === tab && "page" }, word),
          ),
        ),
      found && h("section", { key: `${tab}`, class: "part" }, content()),
    );
  }

  const refresh = live(
    load,
    (seen) => {
      [found, problem] = [seen, null];
      draw();
    },
    (error) => {
      problem = error.passing ? null : error.message;
      draw();
    },
    signal,
  );
  const moved = reasons(
    path,
    () => found && !ENDED.has(found.status),
    (answer) => {
      awaited = answer;
      draw();
    },
    signal,
  );
  listen(
    `${path}/events`,
    (event) => {
      if (event) events.set(event.id, event);
      refresh();
      moved();
    },
    signal,
  );
  tick(() => found && !ENDED.has(found.status) && draw(), signal);
  draw();
}

function fact(name, ...value) {
  return value[0] ? h("div", { key: name, class: "fact" }, h("dt", {}, name), h("dd", {}, ...value)) : null;
}

/** Leads to all runs that have it. */
function labelLink([name, value], place) {
  const where = `label.${name}=${/^[\w.-]+$/.test(value) ? value : `"${value}"`}`;
  return [place ? " " : "", h("a", { key: name, href: `#/runs?${new URLSearchParams({ where })}` }, `${name}=${value}`)];
}

function summary(run) {
  return [
    h(
      "dl",
      { class: "facts" },
      fact("State", badge(run.status)),
      fact("Workflow", h("a", { href: `#/workflows/${part(run.workflow)}` }, run.workflow), run.version && ` ${run.version}`),
      fact("Started", when(run.created_at)),
      fact("Begins", run.status === "PENDING" && when(run.begins_at)),
      fact("Paused", run.paused && [when(run.paused.since), run.paused.actor && ` by ${run.paused.actor}`, run.paused.reason && `: ${run.paused.reason}`]),
      fact(run.finished_at ? "Took" : "For", duration(run.created_at, run.finished_at)),
      fact("Labels", ...Object.entries(run.labels).map(labelLink)),
      fact("Rerun of", runLink(run.rerun_of)),
      fact("Part of", runLink(run.parent)),
    ),
    run.error && h("p", { class: "error block" }, run.error),
    run.reason && h("p", { class: "block" }, run.reason),
    run.needs_attention && h("p", { class: "error block" }, `Could not be undone: ${run.failed_compensations.join(", ")}`),
    run.problems.map((each) => h("p", { class: "error block" }, each)),
  ];
}

function steps(run, awaited, chosen, address, memo, draw) {
  if (!run.steps.length) return h("p", { class: "empty" }, "There are no steps yet.");
  const all = run.steps.flatMap((step) => [step, ...(step.instances?.shown ?? [])]);
  return rows(all, ROW, (step) => stepRow(step, reasonsOf(awaited, step), chosen, address), memo, draw, `${all.length} steps`);
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
function noteOf(step) {
  if (step.waits_for) return `no worker has ${step.waits_for}`;
  if (step.prompt) return step.prompt;
  if (step.signal) return `waits for the signal ${step.signal}`;
  if (step.instances) return Object.entries(step.instances.states).map(([state, count]) => `${count} ${wordOf(state).toLowerCase()}`).join(", ");
  if (step.status === "COMPLETED") return step.kept_from ? `kept from ${step.kept_from}` : "";
  if (step.error) return step.error;
  if (step.skipped) return step.skipped.replace("_", " ");
  return step.attempt > 1 ? `attempt ${step.attempt}` : "";
}

function detail(step, reasons, address, actions) {
  return h(
    "aside",
    { key: `step ${step.id}`, class: "card detail", "aria-label": `Step ${step.id}` },
    h("header", {}, h("h2", { class: "id" }, step.id), h("a", { class: "close", href: address({ step: "" }) }, "Close")),
    h(
      "dl",
      { class: "facts" },
      fact("State", badge(step.status)),
      fact("Attempt", step.attempt && String(step.attempt)),
      fact("Iteration", step.iteration && String(step.iteration)),
      fact("Executes", step.kind !== "run" && step.kind),
      fact("Started", when(step.started_at)),
      fact("Took", step.finished_at && duration(step.started_at, step.finished_at)),
      fact("Next attempt", when(step.due)),
      fact("Until", when(step.until)),
      fact("Worker", step.worker),
      fact("Lost workers", step.lost && String(step.lost)),
      fact("Child run", runLink(step.child)),
      fact("Kept from", runLink(step.kept_from)),
      fact("Answered by", step.actor),
      fact("Reason", step.reason),
    ),
    actions,
    why(`Why ${step.id} does not move`, reasons),
    !reasons.length && !step.error && noteOf(step) && h("p", { class: "block" }, noteOf(step)),
    step.error && h("p", { class: "error block" }, step.error),
    step.traceback && h("details", {}, h("summary", {}, "Traceback"), h("pre", { tabindex: "0" }, step.traceback)),
    payload("Input", step.input),
    payload("Output", step.output),
    step.attempts.length > 0 && attempts(step.attempts),
  );
}

function attempts(ended) {
  return h(
    "table",
    { class: "rows" },
    h("caption", {}, "Attempts that have ended"),
    h("thead", {}, h("tr", {}, ["Attempt", "State", "Ended", "Worker", "Error"].map((name) => h("th", { scope: "col" }, name)))),
    h(
      "tbody",
      {},
      ended.map((each) =>
        h(
          "tr",
          {},
          h("td", {}, `${each.kind === "run" ? "" : `${each.kind} `}${each.turn > 1 ? `${each.turn}.` : ""}${each.attempt}`),
          h("td", {}, badge(each.outcome)),
          h("td", {}, clock(each.finished_at)),
          h("td", { class: "id" }, each.worker),
          h("td", { class: "error" }, each.error),
        ),
      ),
    ),
  );
}

function payload(name, view) {
  if (!view) return null;
  const hint = view.problem || "It is too large to be shown here.";
  return h(
    "div",
    { key: name, class: "payload" },
    h("h3", {}, name, h("small", {}, ` ${size(view.size)}`)),
    view.shown ? h("pre", { tabindex: "0", "aria-label": name }, json(view.value)) : h("p", { class: "hint" }, hint),
  );
}

function values(run) {
  const both = [payload("Input", run.input), payload("Output", run.output)];
  return both.some(Boolean) ? both : h("p", { class: "empty" }, "It was started with nothing, and has put out nothing yet.");
}

function history(events, memo, draw) {
  if (!events.length) return h("p", { class: "empty" }, "No events are kept.");
  const row = (event) =>
    h(
      "div",
      { class: "event" },
      h("time", { datetime: event.time }, clock(event.data.at || Date.parse(event.time) / 1000)),
      h("span", { class: "what" }, event.type.replace(/^workflow\./, "").replaceAll("_", " ")),
      h("span", { class: "id" }, event.data.step_id ?? "", event.data.index === undefined ? "" : `[${event.data.index}]`),
      h("span", { class: "note" }, event.data.error ?? event.data.reason ?? ""),
    );
  return rows(events, 34, row, memo, draw, `${events.length} events`);
}
