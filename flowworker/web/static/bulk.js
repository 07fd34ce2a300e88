// Acting on many runs: which are selected, what would become of them, and what did. Each is acted on
// once however often it is asked for, so a request that was not answered is sent again.

import { ask, send } from "./api.js";
import { h } from "./dom.js";
import { choice, dialog, fields, read, say, text } from "./forms.js";

const AT_ONCE = 100; // runs in one request
const MOST = 500; // runs that are asked for at a time
const AGAIN = 2000; // ms after which a request that was not answered is sent again
const SHOWN = 20; // of those that refuse
const ACTS = {
  pause: ["Pause", "Nothing of them begins for now; what runs ends, and timers go on.", false],
  unpause: ["Go on", "Those that pause go on.", false],
  cancel: ["Cancel", "What they have completed is undone, as far as their workflows say how.", true],
  terminate: ["Terminate", "They stop at once. Nothing is undone.", true],
  retry: ["Retry", "What was not completed is done again, in a new run of each.", false],
  rerun: ["Rerun", "All of it is done again, in a new run of each.", false],
  resume: ["Answer", "The step goes on as it is answered, in those in which it has failed and waits for a human.", false],
  signal: ["Signal", "Each hears it once, however often it is sent with the same name and payload.", false],
};
/** What has to be known before it can be said what would become of them: a form, and what it means. */
const HOW = {
  resume: [
    () => [text("step", "Step", true), choice("action", "Answer", { retry: "Try it again", skip: "Go on without it", cancel: "Let it fail" })],
    (form) => ({ step: form.elements.step.value, action: form.elements.action.value }),
  ],
  signal: [
    () => [text("name", "Name", true), fields(null, "payload", "Payload")],
    (form) => ({ name: form.elements.name.value, payload: read(form, null, "payload") ?? null }),
  ],
};

let filter = "", chosen = new Set(), work = null, redraw = () => {};

/** The ids that are selected: of one filter, over all of its pages. `draw` shows what has changed, until it is over. */
export function selection(query, draw, signal) {
  const of = new URLSearchParams(query);
  of.delete("cursor");
  if (`${of}` !== filter) [filter, chosen] = [`${of}`, new Set()];
  redraw = () => signal.aborted || draw();
}

/** A box that selects these runs. */
export function box(runs, label) {
  const change = (event) => {
    for (const run of runs) event.target.checked ? chosen.add(run.id) : chosen.delete(run.id);
    redraw();
  };
  const checked = runs.length > 0 && runs.every((run) => chosen.has(run.id));
  return h("input", { type: "checkbox", "aria-label": label, checked, onchange: change });
}

/** What can be done to what is selected, and how far it is. */
export function bulk(page) {
  return [chosen.size > 0 && bar(page), work && progress()];
}

function bar(page) {
  const button = (name, onclick, kind = "second") => h("button", { key: name, type: "button", class: kind, onclick }, name);
  const busy = work && !work.over;
  return h(
    "div",
    { key: "bulk", class: "bulk", role: "group", "aria-label": "Selected runs" },
    h("strong", { role: "status" }, `${count(chosen.size)} selected`),
    !busy && Object.entries(ACTS).map(([act, [name]]) => button(name, () => (HOW[act] ? specify(act) : preview(act, {})))),
    page.next && button("Select all on all pages", selectAll, "plain"),
    button("Clear", () => (chosen.clear(), redraw()), "plain"),
  );
}

function progress() {
  const { name, done, runs, refused, problem, over } = work;
  return h(
    "div",
    { key: "work", class: "bulk", role: "group", "aria-label": "Progress" },
    h("span", { role: "status" }, said(work)),
    h("progress", { max: runs.length, value: done, "aria-label": name }),
    h("button", { type: "button", class: "plain", onclick: over ? forget : stop }, over ? "Dismiss" : "Stop"),
    problem && h("p", { class: "error", role: "alert" }, problem),
    refused.length > 0 && h("ul", { class: "refused" }, refused.slice(0, SHOWN).map(refusal)),
  );
}

function said({ name, done, runs, already, refused, stopped, over }) {
  return [
    `${name}: ${count(done)} of ${count(runs.length)}`,
    already > 0 && `${count(already)} done before`,
    refused.length > 0 && `${count(refused.length)} refused`,
    stopped && over && "stopped",
  ].filter(Boolean).join(", ");
}

function refusal(one) {
  return h("li", { key: one.id }, one.error.includes(one.id) ? one.error : [h("span", { class: "id" }, one.id), ` ${one.error}`]);
}

function count(number) {
  return number.toLocaleString("en");
}

function stop() {
  work.stopped = true;
  redraw();
}

function forget() {
  work = null;
  redraw();
}

async function selectAll() {
  const of = filter;
  const wanted = new URLSearchParams(of);
  wanted.set("limit", MOST);
  try {
    for (;;) {
      const page = await patient(() => ask(`runs?${wanted}`));
      if (of !== filter) return;
      for (const run of page.runs) chosen.add(run.id);
      wanted.set("cursor", page.next);
      redraw();
      if (!page.next) return;
    }
  } catch (error) {
    say(error.message);
  }
}

/** Ask how it is to be done, and then as ever. */
function specify(act) {
  const [body, meant] = HOW[act];
  dialog({
    title: ACTS[act][0],
    body: body(),
    confirm: "Look",
    perform: (form) => {
      const how = meant(form);
      setTimeout(() => preview(act, how)); // once this dialog is closed
    },
  });
}

/** Ask before it is done, with what would become of the first of them. */
async function preview(act, how) {
  const [name, hint, harm] = ACTS[act];
  const runs = [...chosen];
  let would;
  try {
    would = (await send("acts", { act, how, runs: runs.slice(0, AT_ONCE), dry_run: true })).acted;
  } catch (error) {
    say(error.message);
    return;
  }
  const of = (outcome) => would.filter((one) => one.outcome === outcome);
  const refused = of("refused");
  const first = runs.length > would.length ? `Of the first ${would.length}` : "Of them";
  dialog({
    title: `${name} ${count(runs.length)} ${runs.length === 1 ? "run" : "runs"}`,
    body: [
      h("p", { class: "hint" }, hint),
      h("p", {}, `${first}, ${of("requested").length} would be asked, ${of("already").length} are done before, ${refused.length} refuse.`),
      refused.length > 0 &&
        h("ul", { class: "plan", tabindex: "0", "aria-label": "Refused" }, refused.slice(0, SHOWN).map(refusal)),
      harm && text("reason", "Reason"),
    ],
    confirm: name,
    harm,
    perform: (form) => {
      perform(act, name, runs, harm ? { reason: form.elements.reason.value } : how); // and the dialog is closed
    },
  });
}

async function perform(act, name, runs, how) {
  const mine = { name, runs, done: 0, already: 0, refused: [], problem: "", stopped: false, over: false };
  work = mine;
  redraw();
  try {
    for (let at = 0; at < runs.length && !mine.stopped; at += AT_ONCE) {
      const { acted } = await patient(() => send("acts", { act, how, runs: runs.slice(at, at + AT_ONCE) }), mine);
      note(mine, acted);
      redraw();
    }
  } catch (error) {
    mine.problem = error.message;
  }
  mine.over = true;
  redraw();
}

function note(mine, acted) {
  mine.done += acted.length;
  for (const one of acted) {
    if (one.outcome === "refused") mine.refused.push(one);
    else chosen.delete(one.id);
    if (one.outcome === "already") mine.already += 1;
  }
}

/** What is answered in the end, unless it is refused or nobody waits any more. */
async function patient(request, waiting = { stopped: false }) {
  for (;;) {
    try {
      return await request();
    } catch (error) {
      if (!error.passing || waiting.stopped) throw error;
      await new Promise((resolve) => setTimeout(resolve, AGAIN));
    }
  }
}
