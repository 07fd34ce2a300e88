// One run: its steps and what happens in it, as it happens.

import { runActions, stepActions } from "./actions.js";
import { ask, part } from "./api.js";
import { h, render } from "./dom.js";
import { clock, duration, json, now, size, when } from "./format.js";
import { graph, layoutOf } from "./graph.js";
import { runLink } from "./links.js";
import { listen, live, tick } from "./live.js";
import { badge } from "./states.js";
import { noteOf, steps } from "./steps.js";
import { timeline } from "./timeline.js";
import { rows } from "./virtual.js";
import { reasons, reasonsOf, why } from "./why.js";

const TABS = [["steps", "Steps"], ["graph", "Graph"], ["timeline", "Timeline"], ["values", "Input and output"], ["history", "History"]];
const ENDED = new Set(["COMPLETED", "FAILED", "CANCELLED"]);
const OF_EVENTS = new Set(["timeline", "history"]);
const SETTLED = 2; // seconds after the end of a run in which a record of it may be seen late
const SOON = 200; // ms within which events are drawn together

/** What is known of the run that was looked at last: it takes long to ask for all of a large one. */
let known = {};

export function run(main, { parts: [id], query, may, signal }) {
  document.title = `${id} · flowworker`;
  const tab = query.get("tab") ?? "steps";
  const chosen = query.get("step");
  const path = `runs/${part(id)}`;
  if (known.id !== id) known = { id, events: new Map(), memo: { steps: {}, history: {}, timeline: {}, graph: {} } };
  const mine = known;
  const { events, memo } = mine;
  if (mine.tab !== tab || !main.querySelector(".virtual")) for (const each of Object.values(memo)) each.top = 0;
  mine.tab = tab;
  const wanted = { state: query.get("state") ?? "", find: query.get("find") ?? "" };
  let { found = null } = mine;
  let step = found?.steps.find((each) => each.id === chosen), problem = null, awaited = null, drawing = 0, hears = false;

  const ended = () => found && ENDED.has(found.status);

  async function load() {
    const [seen, one] = await Promise.all([look(), chosen && ask(`${path}/steps/${part(chosen)}`, { signal }), tab === "graph" && picture()]);
    step = one;
    return seen;
  }

  /** The run; one that has ended is not asked for again. */
  async function look() {
    const values = tab === "values";
    if (mine.settled && (mine.values || !values)) return found;
    const seen = await ask(`${path}?values=${values}&children=false`, { signal });
    const settled = ENDED.has(seen.status) && now() > seen.finished_at + SETTLED;
    return Object.assign(mine, { found: seen, values, settled }).found;
  }

  /** The definition, for what may be done to the step that is chosen, and where its boxes go. */
  async function picture() {
    mine.asked ??= ask(`${path}/workflow`, { signal }).catch(() => null).finally(() => (mine.asked = null));
    mine.pinned ??= await mine.asked;
    if (tab === "graph" && mine.pinned) mine.layout ??= (await layoutOf(mine.pinned.hash, signal)) ?? false;
  }

  function soon() {
    drawing ||= setTimeout(() => {
      drawing = 0;
      if (!signal.aborted) draw();
    }, SOON);
  }

  function find(text) {
    wanted.find = text;
    draw();
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
    if (tab === "timeline") return timeline(events, found.steps, memo.timeline, draw, address);
    const list = () => steps(found, awaited, wanted, find, chosen, address, memo.steps, draw);
    return [tab === "graph" ? drawn() : list(), step && detail(step, reasonsOf(awaited, step), address, acts())];
  }

  /** The form of an answer is made of the definition: it is not offered before that is known. */
  function acts() {
    const isKnown = mine.pinned !== undefined || step.status !== "WAITING_HUMAN";
    return isKnown && stepActions(found, step, mine.pinned?.definition, may);
  }

  function drawn() {
    if (mine.layout === undefined && mine.pinned !== null) return h("p", { class: "empty" }, "Loading…");
    if (!mine.layout) return h("p", { class: "empty" }, "It is too large to be drawn: see its steps.");
    return graph(mine.layout, found.steps, address, chosen, memo.graph, draw);
  }

  function draw() {
    render(
      main,
      h("p", { class: "crumb" }, h("a", { href: "#/runs" }, "Runs")),
      h("h1", { class: "id" }, id),
      problem && h("p", { class: "error", role: "alert" }, problem),
      !found && !problem && h("p", { class: "empty" }, "Loading…"),
      found && summary(found),
      found && !ended() && why("Why the run does not move", awaited?.reasons, "h2"),
      found && runActions(found, may),
      found &&
        h(
          "nav",
          { class: "tabs", "aria-label": "Parts of the run" },
          TABS.map(([name, word]) =>
            h("a", { key: name, href: address({ tab: name === "steps" ? "" : name, step: "", state: "", find: "" }), "aria-current": name === tab && "page" }, word),
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
      hear();
      if (chosen && !mine.pinned) picture().then(soon, () => {}); // nothing waits for it
    },
    (error) => {
      problem = error.passing ? null : error.message;
      draw();
    },
    signal,
  );
  const moved = reasons(
    path,
    () => found && !ended(),
    (answer) => {
      awaited = answer;
      draw();
    },
    signal,
  );
  const told = (event) => {
    if (event) events.set(event.id, event);
    soon();
    if (mine.settled) return;
    refresh();
    moved();
  };
  /** Events come when the run is drawn: of a large one that has ended there are many, and they change nothing. */
  function hear() {
    if (hears || mine.heard || (mine.settled && !OF_EVENTS.has(tab))) return;
    hears = true;
    listen(`${path}/events`, told, signal, () => (mine.heard = true));
  }

  tick(() => found && !ended() && draw(), signal);
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

function pause(why) {
  return why && [when(why.since), why.actor && ` by ${why.actor}`, why.reason && `: ${why.reason}`];
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
      fact("Paused", pause(run.paused)),
      fact("Workflow paused", pause(run.held)),
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
    h("thead", {}, h("tr", {}, ["Attempt", "State", "Started", "Ended", "Worker", "Error"].map((name) => h("th", { scope: "col" }, name)))),
    h(
      "tbody",
      {},
      ended.map((each) =>
        h(
          "tr",
          {},
          h("td", {}, `${each.kind === "run" ? "" : `${each.kind} `}${each.turn > 1 ? `${each.turn}.` : ""}${each.attempt}`),
          h("td", {}, badge(each.outcome)),
          h("td", {}, each.started_at > 0 && clock(each.started_at)),
          h("td", {}, clock(each.finished_at)),
          h("td", { class: "id" }, each.worker),
          h("td", { class: "error" }, each.error),
        ),
      ),
    ),
  );
}

function payload(name, view, heading = "h3") {
  if (!view) return null;
  const hint = view.problem || "It is too large to be shown here.";
  return h(
    "div",
    { key: name, class: "payload" },
    h(heading, {}, name, h("small", {}, ` ${size(view.size)}`)),
    view.shown ? h("pre", { tabindex: "0", "aria-label": name }, json(view.value)) : h("p", { class: "hint" }, hint),
  );
}

function values(run) {
  const both = [payload("Input", run.input, "h2"), payload("Output", run.output, "h2")];
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
