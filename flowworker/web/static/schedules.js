// Schedules: what they say, when they come next, and what came of their last times.

import { ask, part } from "./api.js";
import { h, render } from "./dom.js";
import { now, span, when } from "./format.js";
import { runLink } from "./links.js";
import { listen, live, tick } from "./live.js";
import { create, scheduleActions } from "./scheduling.js";
import { badge } from "./states.js";

const PAGE = 50;
const LATE = 30; // seconds after which it is said that a time has come and nobody has followed it
const OFTEN = 2000; // ms between two looks while runs go on: their ends are known before they are noted here
const WITHOUT_RUN = new Set(["WAITING", "SKIPPED", "MISSED", "REJECTED"]);

export function schedules(main, { query, may, signal }) {
  document.title = "Schedules · flowworker";
  let found = null, names = [], problem = null;

  async function load() {
    const wanted = new URLSearchParams(query);
    wanted.set("limit", PAGE);
    const [page, workflows] = await Promise.all([
      ask(`schedules?${wanted}`, { signal }),
      names.length ? { workflows: names } : ask("workflows", { signal }),
    ]);
    names = workflows.workflows;
    return page;
  }

  function draw() {
    render(
      main,
      h("h1", {}, "Schedules"),
      found && may && h("div", { class: "buttons" }, h("button", { type: "button", onclick: () => create(names, query.get("workflow")) }, "Create a schedule")),
      filter(query, names),
      problem && h("p", { class: "error", role: "alert" }, problem),
      found ? table(found.schedules, query) : !problem && h("p", { class: "empty" }, "Loading…"),
      found && pages(found, query),
    );
  }

  follow(load, (page) => ([found, problem] = [page, null]), (text) => (problem = text), draw, isAboutSchedules, signal);
}

export function schedule(main, { parts: [id], may, signal }) {
  document.title = `${id} · flowworker`;
  let found = null, problem = null;

  function draw() {
    render(
      main,
      h("p", { class: "crumb" }, h("a", { href: "#/schedules" }, "Schedules")),
      h("h1", { class: "id" }, id),
      problem && h("p", { class: "error", role: "alert" }, problem),
      !found && !problem && h("p", { class: "empty" }, "Loading…"),
      found && [
        facts(found),
        scheduleActions(found, may, refresh),
        h("h2", {}, "Next"),
        next(found),
        h("h2", {}, "Last"),
        times(found),
      ],
    );
  }

  const ours = (event) => event.source.includes(`/${id}-`) || event.source.endsWith(`/schedule:${id}`);
  const refresh = follow(
    () => ask(`schedules/${part(id)}`, { signal }),
    (seen) => ([found, problem] = [seen, null]),
    (text) => (problem = text),
    draw,
    ours,
    signal,
  );
  const timer = setInterval(() => found && (found.running.length || found.waiting) && refresh(), OFTEN);
  signal.addEventListener("abort", () => clearInterval(timer));
}

/** Load and draw again when an event says that there is something new. */
function follow(load, keep, refuse, draw, matters, signal) {
  const refresh = live(
    load,
    (seen) => {
      keep(seen);
      draw();
    },
    (error) => {
      refuse(error.passing ? null : error.message);
      draw();
    },
    signal,
  );
  listen("events", (event) => (event === null || matters(event)) && refresh(), signal);
  tick(draw, signal);
  draw();
  return refresh;
}

function isAboutSchedules(event) {
  return event.type.startsWith("workflow.schedule.") || Boolean(event.data?.schedule);
}

function filter(query, names) {
  const chosen = query.get("workflow") ?? "";
  const options = [...new Set([...names, chosen])].filter(Boolean);
  const change = (event) => (location.hash = event.target.value ? `#/schedules?${new URLSearchParams({ workflow: event.target.value })}` : "#/schedules");
  return h(
    "div",
    { class: "choices", role: "group", "aria-label": "Filters" },
    h(
      "label",
      {},
      h("span", {}, "Workflow"),
      h(
        "select",
        { onchange: change },
        h("option", { key: "", value: "", selected: !chosen }, "any"),
        options.map((name) => h("option", { key: name, value: name, selected: name === chosen }, name)),
      ),
    ),
  );
}

function table(listed, query) {
  if (!listed.length) {
    return h("p", { class: "empty" }, query.size ? "No schedule is like that." : "There are no schedules yet.");
  }
  const cell = (name, ...content) => h("td", { "data-name": name }, h("div", {}, ...content));
  return h(
    "table",
    { class: "rows members" },
    h("caption", { class: "unseen" }, "Schedules, by id"),
    h("thead", {}, h("tr", {}, ["Schedule", "State", "Workflow", "When", "Next", "Runs"].map((name) => h("th", { scope: "col" }, name)))),
    h(
      "tbody",
      {},
      listed.map((each) =>
        h(
          "tr",
          { key: each.id },
          cell("Schedule", h("a", { class: "id", href: `#/schedules/${part(each.id)}` }, each.id)),
          cell("State", badge(each.state)),
          cell("Workflow", each.workflow),
          cell("When", rhythm(each)),
          cell("Next", each.next.length ? when(each.next[0]) : "–"),
          cell("Runs", String(each.started)),
        ),
      ),
    ),
  );
}

function pages(page, query) {
  const cursor = query.get("cursor");
  const first = new URLSearchParams(query), following = new URLSearchParams(query);
  first.delete("cursor");
  following.set("cursor", page.next ?? "");
  return h(
    "nav",
    { class: "pages", "aria-label": "Pages" },
    cursor && h("a", { key: "first", href: `#/schedules?${first}` }, "← First"),
    page.next && h("a", { key: "next", href: `#/schedules?${following}` }, "Next →"),
  );
}

function fact(name, ...value) {
  return value[0] ? h("div", { key: name, class: "fact" }, h("dt", {}, name), h("dd", {}, ...value)) : null;
}

function facts(one) {
  const counts = [`${one.started} begun`, `${one.skipped} skipped`, `${one.missed} missed`];
  if (one.waiting) counts.push(`${one.waiting} waiting`);
  return [
    h(
      "dl",
      { class: "facts" },
      fact("State", badge(one.state)),
      fact("Workflow", h("a", { href: `#/workflows/${part(one.workflow)}` }, one.workflow), one.defined && ", in its definition"),
      fact("When", rhythm(one)),
      fact("Jitter", one.jitter && `up to ${span(one.jitter)} later`),
      fact("From", one.start_at && moment(one.start_at, one.timezone)),
      fact("Until", one.end_at && moment(one.end_at, one.timezone)),
      fact("At most", one.max_runs && `${one.max_runs} runs`),
      fact("Labels", Object.entries(one.labels).map(([name, text]) => `${name}=${text}`).join(" ")),
      fact("Overlap", one.overlap.replaceAll("_", " ")),
      fact("Late by at most", span(one.catchup_window)),
      fact("Times", counts.join(", ")),
      fact("Created", when(one.created_at)),
    ),
    one.paused && h("p", { class: "block why", role: "status" }, `Paused: ${one.paused}`),
    now() - one.next[0] > LATE && h("p", { class: "error block", role: "status" }, "Its time has come, and no coordinator has followed it: ", h("a", { href: "#/fleet" }, "is the fleet well?")),
    one.pause_on_failure && h("p", { class: "hint" }, "A run that fails pauses it."),
  ];
}

function next(one) {
  if (!one.next.length) {
    return h("p", { class: "empty" }, one.state === "PAUSED" ? "No time begins a run while it is paused." : "No time is left.");
  }
  return h("ol", { class: "card times", "aria-label": "Next times" }, one.next.map((time) => h("li", { key: time }, moment(time, one.timezone), " · ", when(time))));
}

function times(one) {
  const all = [...one.running, ...one.recent];
  if (!all.length) return h("p", { class: "empty" }, "None of its times has come yet.");
  const cell = (name, ...content) => h("td", { "data-name": name }, h("div", {}, ...content));
  return h(
    "table",
    { class: "rows members" },
    h("caption", { class: "unseen" }, "Last times"),
    h("thead", {}, h("tr", {}, ["Time", "State", "Run", "Started"].map((name) => h("th", { scope: "col" }, name)))),
    h(
      "tbody",
      {},
      all.map((each) =>
        h(
          "tr",
          { key: each.run },
          cell("Time", moment(each.time, one.timezone)),
          cell("State", badge(each.state)),
          cell("Run", WITHOUT_RUN.has(each.state) ? h("span", { class: "id" }, each.run) : runLink(each.run), each.reason && h("div", { class: "hint" }, each.reason)),
          cell("Started", each.began ? when(each.began) : "–"),
        ),
      ),
    ),
  );
}

function rhythm(one) {
  return one.cron ? [h("code", {}, one.cron), ` ${one.timezone}`] : `every ${span(one.every)}`;
}

/** As the clocks of that zone show it; of a zone that the browser does not know, as those of UTC. */
function moment(seconds, timeZone) {
  const options = { dateStyle: "medium", timeStyle: "medium" };
  const date = new Date(seconds * 1000);
  try {
    return date.toLocaleString(undefined, { ...options, timeZone });
  } catch {
    return `${date.toLocaleString(undefined, { ...options, timeZone: "UTC" })} UTC`;
  }
}
