// What is registered: its graph, its versions, and a form to start it.

import { workflowPause } from "./actions.js";
import { ask, part, send } from "./api.js";
import { h, render } from "./dom.js";
import { dialog, fields, labels, read, readLabels, say, text } from "./forms.js";
import { json, when } from "./format.js";
import { graph, layoutOf } from "./graph.js";
import { live } from "./live.js";
import { wordOf } from "./states.js";

export function workflows(main, { signal }) {
  document.title = "Workflows · flowworker";
  let names = null, pauses = {}, problem = null;

  function draw() {
    render(
      main,
      h("h1", {}, "Workflows"),
      problem && h("p", { class: "error", role: "alert" }, problem),
      names === null && !problem && h("p", { class: "empty" }, "Loading…"),
      names?.length === 0 && h("p", { class: "empty" }, "None is registered yet."),
      names?.length > 0 && h("ul", { class: "names card" }, names.map((name) => h("li", { key: name }, h("a", { href: `#/workflows/${part(name)}` }, name), pauses[name] && h("span", { class: "warn" }, " paused")))),
    );
  }

  const failed = (error) => {
    problem = error.passing ? null : error.message;
    draw();
  };
  live(
    () => Promise.all([ask("workflows", { signal }), ask("pauses", { signal })]),
    ([found, paused]) => {
      [names, pauses, problem] = [found.workflows, paused.workflows, null];
      draw();
    },
    failed,
    signal,
  );
  draw();
}

export function workflow(main, { parts: [name], may, signal }) {
  document.title = `${name} · flowworker`;
  const memo = {};
  let found = null, problem = null;

  async function load() {
    const path = `workflows/${part(name)}`;
    const parts = [path, `${path}/versions`, `${path}/unfinished`, "pauses"];
    const [seen, versions, unfinished, pauses] = await Promise.all(parts.map((each) => ask(each, { signal })));
    return { ...seen, versions: versions.versions, unfinished, pause: pauses.workflows[name], layout: await layoutOf(seen.hash, signal) };
  }

  function draw() {
    render(
      main,
      h("p", { class: "crumb" }, h("a", { href: "#/workflows" }, "Workflows")),
      h("h1", {}, name),
      problem && h("p", { class: "error", role: "alert" }, problem),
      !found && !problem && h("p", { class: "empty" }, "Loading…"),
      found && [
        found.pause && h("p", { class: "warn block", role: "status" }, "Paused ", when(found.pause.since), found.pause.actor && ` by ${found.pause.actor}`, found.pause.reason && `: ${found.pause.reason}`),
        h(
          "div",
          { class: "buttons" },
          may && h("button", { key: "start", type: "button", onclick: () => start(name, found.input_schema, found.definition.labels) }, "Start a run"),
          may && workflowPause(name, found.pause, refresh),
          h("a", { key: "runs", href: `#/runs?workflow=${part(name)}` }, "Its runs"),
          h("a", { key: "schedules", href: `#/schedules?workflow=${part(name)}` }, "Its schedules"),
        ),
        found.layout
          ? graph(found.layout, [], null, null, memo, draw)
          : h("p", { class: "hint" }, `It has ${found.definition.steps.length} steps: too many to be drawn here.`),
        h("h2", {}, "Versions"),
        versions(name, found.versions, found.unfinished),
        found.unfinished.more && h("p", { class: "hint" }, `Of the runs that have not ended these are the newest ${found.unfinished.counted}; there are more.`),
        h("details", {}, h("summary", {}, "Definition"), h("pre", { tabindex: "0" }, json(found.definition))),
      ],
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
  draw();
}

function versions(name, all, unfinished) {
  const runs = new Map(unfinished.definitions.map((each) => [each.hash, each.states]));
  return h(
    "table",
    { class: "rows" },
    h("caption", { class: "unseen" }, "Versions"),
    h("thead", {}, h("tr", {}, ["Version", "Hash", "Steps", "Unfinished runs", ""].map((title) => h("th", { scope: "col" }, title)))),
    h(
      "tbody",
      {},
      all.map((each) => h("tr", { key: each.hash }, h("td", {}, each.version || "–"), h("td", { class: "id" }, each.hash.slice(0, 12)), h("td", {}, String(each.steps)), h("td", {}, unfinishedOf(name, each.hash, runs.get(each.hash))), h("td", {}, each.latest ? "latest" : ""))),
    ),
  );
}

/** How many in each state; the link leads to them. */
function unfinishedOf(name, hash, states) {
  if (!states) return "none";
  const where = `hash=${hash.slice(0, 12)} state=${Object.keys(states).join(",").toLowerCase()}`;
  const counts = Object.entries(states).map(([state, count]) => `${count} ${wordOf(state).toLowerCase()}`);
  return h("a", { href: `#/runs?${new URLSearchParams({ workflow: name, where })}` }, counts.join(", "));
}

function start(name, schema, defined) {
  const names = Object.keys(defined ?? {}).join(", ");
  dialog({
    title: `Start ${name}`,
    body: [fields(schema, "input", "Input"), text("id", "Id of the run"), labels("labels", names ? `The definition gives ${names}; what is here goes before it.` : "To find the run by.")],
    confirm: "Start",
    perform: async (form) => {
      const id = form.elements.id.value || null;
      const given = { input: read(form, schema, "input") ?? {}, labels: readLabels(form, "labels") };
      const begun = await send("runs", { workflow: name, id, ...given });
      say("Started.");
      location.hash = `#/runs/${part(begun.id)}`;
    },
  });
}
