// What can be done to schedules.

import { ask, part, send } from "./api.js";
import { h } from "./dom.js";
import { dialog, fields, labels, read, readLabels, say, text } from "./forms.js";

const OVERLAPS = ["skip", "buffer_one", "buffer_all", "cancel_other", "terminate_other", "allow_all"];

const OVERLAP = {
  title: "Overlap",
  enum: OVERLAPS,
  description: "What becomes of a time at which a run has not ended.",
};

/** What a new one says; it is checked, and refused with the reason, by the server. */
function said(workflows, workflow) {
  const option = (title, description) => ({ title, description, type: "string" });
  return {
    required: ["id", "workflow"],
    properties: {
      id: { ...option("Id", "Unique; the ids of its runs begin with it."), pattern: "[A-Za-z0-9_\\-]{1,100}" },
      workflow: { title: "Workflow", enum: workflows, default: workflow },
      cron: option("Cron", "Five fields, or six with seconds before them, such as 30 8 * * MON-FRI; or else:"),
      every: option("Every", "One time each so long, such as 15m."),
      timezone: option("Time zone", "Of the expression, such as Europe/Berlin; UTC if it is left out."),
      start_at: option("Start at", "No time before, such as 2030-01-31T08:00:00Z."),
      end_at: option("End at", "No time after."),
      jitter: option("Jitter", "Runs begin up to so much later, such as 5m."),
      overlap: { ...OVERLAP, default: "skip" },
      catchup_window: option("Catch-up window", "How late a run may begin; 1d if it is left out."),
      max_runs: { title: "At most so many runs", type: "integer", minimum: 1 },
      pause_on_failure: { title: "A run that fails pauses it", type: "boolean" },
      input: { title: "Input", description: "Of all runs: a JSON object; ${schedule.time} in its texts is the time.", type: "object" },
    },
  };
}

export function create(workflows, workflow) {
  const schema = said(workflows, workflow);
  dialog({
    title: "Create a schedule",
    body: [fields(schema, "schedule", "It says"), labels("labels", "Of its runs, beside those of the workflow.")],
    confirm: "Create",
    perform: async (form) => {
      const made = await send("schedules", { ...read(form, schema, "schedule"), labels: readLabels(form, "labels") });
      say("Created.");
      location.hash = `#/schedules/${part(made.id)}`;
    },
  });
}

/** Buttons for one; `done` is called when something was followed. */
export function scheduleActions(one, may, done) {
  if (!may) return null;
  const path = `schedules/${part(one.id)}`;
  const button = (name, onclick, second = true) => h("button", { key: name, type: "button", class: second ? "second" : null, onclick }, name);
  return h(
    "div",
    { class: "buttons", role: "group", "aria-label": "Actions" },
    button("Run now", () => trigger(path, done), false),
    one.paused ? button("Go on", () => goOn(path, done)) : button("Pause", () => pause(path, done)),
    button("Backfill", () => backfill(path, done)),
    button("Delete", () => remove(one, path)),
  );
}

const CHOICE = { properties: { overlap: OVERLAP } };

function trigger(path, done) {
  dialog({
    title: "Begin a run now",
    body: fields(CHOICE, "run", "If a run has not ended"),
    confirm: "Run now",
    perform: async (form) => {
      const begun = await send(`${path}/trigger`, read(form, CHOICE, "run"));
      say(begun.reason ? `It began no run: ${begun.reason}.` : begun.state === "WAITING" ? "It waits for a run to end." : "Begun.");
      done();
    },
  });
}

function pause(path, done) {
  dialog({
    title: "Pause this schedule",
    body: [h("p", { class: "hint" }, "No time begins a run; runs go on."), text("reason", "Reason")],
    confirm: "Pause",
    perform: (form) => act(`${path}/pause`, { reason: form.elements.reason.value }, "Paused.", done),
  });
}

function goOn(path, done) {
  dialog({
    title: "Let this schedule go on",
    body: h("p", { class: "hint" }, "Times begin runs again, from now on: none of those that have passed."),
    confirm: "Go on",
    perform: () => act(`${path}/unpause`, {}, "It goes on.", done),
  });
}

function backfill(path, done) {
  dialog({
    title: "Begin the runs of all times between two moments",
    body: [
      h("p", { class: "hint" }, "One after the other, unless they may overlap. A time whose run is there begins none. Moments are written as 2030-01-31T08:00:00Z."),
      text("from", "From", true),
      text("to", "To", true),
      fields(CHOICE, "runs", "If a run has not ended"),
    ],
    confirm: "Backfill",
    perform: async (form) => {
      const between = { from: form.elements.from.value.trim(), to: form.elements.to.value.trim() };
      const { runs } = await send(`${path}/backfill`, { ...between, ...read(form, CHOICE, "runs") });
      say(`${runs.length} times are asked for.`);
      done();
    },
  });
}

function remove(one, path) {
  dialog({
    title: "Delete this schedule",
    body: h("p", { class: "hint" }, `No time begins a run any more; runs go on.${one.defined ? ` It is one of the definition of ${one.workflow}: it comes back when that is registered with a change.` : ""}`),
    confirm: "Delete",
    harm: true,
    perform: async () => {
      await ask(path, { method: "DELETE" });
      say("Deleted.");
      location.hash = "#/schedules";
    },
  });
}

async function act(path, body, words, done) {
  await send(path, body);
  say(words);
  done();
}
