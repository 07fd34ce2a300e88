// What can be done to a run and its steps, and what has to be known for that.

import { ask, part, send } from "./api.js";
import { h } from "./dom.js";
import { dialog, fields, read, say, text } from "./forms.js";

const ENDED = new Set(["COMPLETED", "FAILED", "CANCELLED"]);

/** Buttons for a whole run; `may` says whether one may act here. */
export function runActions(run, may) {
  if (!may) return null;
  const path = `runs/${part(run.id)}`;
  if (ENDED.has(run.status)) {
    return bar([
      run.status !== "COMPLETED" && button("Retry", () => again(path, "Retry what was not completed", { failed: true })),
      button("Rerun", () => again(path, "Run all of it again", {}), true),
    ]);
  }
  return bar([
    button("Send a signal", () => signal(path, ""), true),
    run.paused
      ? button("Go on", () => goOn(path, "Let this run go on", "What was held begins, and timers that have ended are due at once."))
      : button("Pause", () => hold(path, "Pause this run", "Nothing of it begins for now; what runs ends, and timers go on."), true),
    button("Cancel", () => stop(path, "cancel", "Cancel this run", "What it has completed is undone, as far as its workflow says how."), true),
    button("Terminate", () => stop(path, "terminate", "Terminate this run", "It stops at once. Nothing is undone."), true),
  ]);
}

/** Buttons for a queue; `pause` says why it is paused, if it is. */
export function queueActions(name, pause) {
  const path = `queues/${part(name)}`;
  return bar([pause ? button("Go on", () => goOn(path, `Let queue ${name} go on`, "Workers get its steps again.")) : button("Pause", () => hold(path, `Pause queue ${name}`, "No worker gets a step of it; what workers have ends."), true)]);
}

/** The same for all runs of a workflow, between its other buttons; `done` is called afterwards. */
export function workflowPause(name, pause, done) {
  const path = `workflows/${part(name)}`;
  if (pause) return button("Go on", () => goOn(path, `Let workflow ${name} go on`, "What was held of its runs begins. A run that was paused by itself stays so.", done));
  return button("Pause", () => hold(path, `Pause workflow ${name}`, "Nothing of its runs begins, also of those to come; what runs ends, and timers go on.", done), true);
}

/** Buttons for one step; `definition` is the run's, null if it is not known. */
export function stepActions(run, step, definition, may) {
  if (!may) return null;
  const path = `runs/${part(run.id)}`;
  if (ENDED.has(run.status)) {
    const whole = definition?.steps?.some((each) => each.id === step.id);
    return whole ? bar([button("Rerun from here", () => again(path, `Run ${step.id} again, and what is behind it`, { from_step: step.id }), true)]) : null;
  }
  if (step.signal) return bar([button("Send the signal", () => signal(path, step.signal))]);
  if (step.status !== "WAITING_HUMAN") return null;
  if (step.error) {
    const choose = (action, title, output) => () => resume(path, step, action, title, output);
    return bar([
      button("Try again", choose("retry", "Try this step again")),
      button("Skip", choose("skip", "Go on without this step"), true),
      button("Complete", choose("complete", "Give this step's output by hand", true), true),
    ]);
  }
  const schema = definition?.steps?.find((each) => each.id === step.id)?.approval?.schema;
  return bar([
    button("Approve", () => approve(path, step, schema)),
    button("Reject", () => reject(path, step), true),
  ]);
}

function bar(buttons) {
  return h("div", { class: "buttons", role: "group", "aria-label": "Actions" }, buttons);
}

function button(name, onclick, second = false) {
  return h("button", { key: name, type: "button", class: second ? "second" : null, onclick }, name);
}

async function request(path, body, words, done) {
  await send(path, body);
  say(words);
  done?.();
}

function stop(path, what, title, hint) {
  dialog({
    title,
    body: [h("p", { class: "hint" }, hint), text("reason", "Reason")],
    confirm: title.split(" ")[0],
    harm: true,
    perform: (form) => request(`${path}/${what}`, { reason: form.reason.value }, "It is asked to stop."),
  });
}

function hold(path, title, hint, done) {
  dialog({
    title,
    body: [h("p", { class: "hint" }, hint), text("reason", "Reason")],
    confirm: "Pause",
    perform: (form) => request(`${path}/pause`, { reason: form.reason.value }, "It is asked to pause.", done),
  });
}

function goOn(path, title, hint, done) {
  dialog({
    title,
    body: h("p", { class: "hint" }, hint),
    confirm: "Go on",
    perform: () => request(`${path}/unpause`, {}, "It is asked to go on.", done),
  });
}

function approve(path, step, schema) {
  dialog({
    title: step.prompt || `Approve ${step.id}`,
    body: [fields(schema, "output", "Answer"), text("reason", "Reason")],
    confirm: "Approve",
    perform: (form) =>
      request(`${path}/approve`, { step: step.id, output: read(form, schema, "output"), reason: form.reason.value }, "Approved."),
  });
}

function reject(path, step) {
  dialog({
    title: step.prompt || `Reject ${step.id}`,
    body: text("reason", "Reason", true),
    confirm: "Reject",
    harm: true,
    perform: (form) => request(`${path}/reject`, { step: step.id, reason: form.reason.value }, "Rejected."),
  });
}

function resume(path, step, action, title, output = false) {
  dialog({
    title,
    body: output ? fields(null, "output", "Output") : h("p", { class: "hint" }, step.error),
    confirm: title.split(" ")[0] === "Give" ? "Complete" : title.split(" ")[0],
    perform: (form) =>
      request(`${path}/resume`, { action, step: step.id, output: output ? read(form, null, "output") : null }, "Answered."),
  });
}

function signal(path, name) {
  dialog({
    title: name ? `Send ${name}` : "Send a signal",
    body: [name ? null : text("name", "Name", true), fields(null, "payload", "Payload")],
    confirm: "Send",
    perform: (form) =>
      request(`${path}/signal`, { name: name || form.elements.name.value, payload: read(form, null, "payload") ?? null, id: crypto.randomUUID?.() ?? String(Math.random()) }, "Sent."),
  });
}

/** A new run that does an old one again, after a look at what it would do. */
async function again(path, title, which) {
  let plan;
  try {
    plan = await ask(`${path}/rerun?${new URLSearchParams(which)}`);
  } catch (error) {
    say(error.message);
    return;
  }
  const kept = plan.steps.filter((step) => step.kept).length;
  dialog({
    title,
    body: [
      plan.problems.map((each) => h("p", { class: "error block" }, each)),
      h("p", {}, `${plan.steps.length - kept} of ${plan.steps.length} steps run; ${kept} are kept as they were.`),
      h(
        "ul",
        { class: "plan", tabindex: "0", "aria-label": "Steps" },
        plan.steps.slice(0, 200).map((step) => h("li", {}, h("span", { class: "id" }, step.id), step.kept ? " is kept: " : " runs: ", step.why)),
      ),
      text("id", "Id of the new run"),
    ],
    confirm: "Start",
    perform: async (form) => {
      const { id } = await send(`${path}/rerun`, { ...which, id: form.elements.id.value || null });
      say("Started.");
      location.hash = `#/runs/${part(id)}`;
    },
  });
}
