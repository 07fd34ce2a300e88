// All runs, newest first: what is filtered stands in the address.

import { ask } from "./api.js";
import { box, bulk, selection } from "./bulk.js";
import { h, render } from "./dom.js";
import { duration, when } from "./format.js";
import { listen, live, tick } from "./live.js";
import { badge, icon, wordOf } from "./states.js";

const STATES = ["PENDING", "RUNNING", "WAITING_HUMAN", "COMPENSATING", "COMPLETED", "FAILED", "CANCELLED"];
const PAGE = 50;
const PAUSED = "paused=yes";

export function runs(main, { query, may, signal }) {
  document.title = "Runs · flowworker";
  let found = null, names = [], problem = null;

  async function load() {
    const wanted = new URLSearchParams(query);
    wanted.set("limit", PAGE);
    const [page, workflows] = await Promise.all([
      ask(`runs?${wanted}`, { signal }),
      names.length ? { workflows: names } : ask("workflows", { signal }),
    ]);
    names = workflows.workflows;
    return page;
  }

  function draw() {
    render(
      main,
      h("h1", {}, "Runs"),
      filters(query, names),
      problem && h("p", { class: "error", role: "alert" }, problem),
      may && found && bulk(found),
      found ? table(found.runs, query, may) : !problem && h("p", { class: "empty" }, "Loading…"),
      found && pages(found, query),
    );
  }

  selection(query, draw, signal);
  const refresh = live(
    load,
    (page) => {
      [found, problem] = [page, null];
      draw();
    },
    (error) => {
      problem = error.passing ? null : error.message;
      draw();
    },
    signal,
  );
  listen("events", refresh, signal);
  tick(draw, signal);
  draw();
}

/** The address with one thing of it changed. */
function changed(query, name, value) {
  const other = new URLSearchParams(query);
  other.delete("cursor");
  if (value) other.set(name, value);
  else other.delete(name);
  return `#/runs${other.size ? "?" : ""}${other}`;
}

function filters(query, names) {
  const status = query.get("status") ?? "";
  const chosen = query.get("workflow") ?? "";
  const chip = (value, ...content) => {
    const on = status === value;
    const href = changed(query, "status", on ? "" : value);
    return h("a", { key: value, class: "chip", href, "aria-current": on && "true" }, ...content);
  };
  const options = [...new Set([...names, chosen])].filter(Boolean);
  return h(
    "div",
    { class: "filters", role: "group", "aria-label": "Filters" },
    h("div", { class: "chips" }, chip("", "All"), STATES.map((each) => chip(each, icon(each), wordOf(each))), paused(query)),
    h(
      "div",
      { class: "choices" },
      h(
        "label",
        { class: "where" },
        h("span", {}, "Filter"),
        h("input", {
          type: "search",
          value: query.get("where") ?? "",
          placeholder: "error=ValueError started>-2h",
          spellcheck: false,
          onchange: (event) => (location.hash = changed(query, "where", event.target.value.trim())),
        }),
      ),
      h(
        "label",
        {},
        h("span", {}, "Workflow"),
        h(
          "select",
          { onchange: (event) => (location.hash = changed(query, "workflow", event.target.value)) },
          h("option", { key: "", value: "", selected: !chosen }, "any"),
          options.map((name) => h("option", { key: name, value: name, selected: name === chosen }, name)),
        ),
      ),
      h(
        "label",
        {},
        h("input", {
          type: "checkbox",
          checked: query.get("children") !== "false",
          onchange: (event) => (location.hash = changed(query, "children", event.target.checked ? "" : "false")),
        }),
        h("span", {}, "with child runs"),
      ),
    ),
  );
}

/** The chip of runs that pause, whatever their states: a word of the filter, beside what else it says. */
function paused(query) {
  const words = (query.get("where") ?? "").split(" ").filter(Boolean);
  const on = words.includes(PAUSED);
  const where = on ? words.filter((each) => each !== PAUSED) : [...words, PAUSED];
  return h("a", { key: PAUSED, class: "chip", href: changed(query, "where", where.join(" ")), "aria-current": on && "true" }, "Paused");
}

function table(listed, query, may) {
  if (!listed.length) {
    const filtered = [...query.keys()].length > 0;
    return h("p", { class: "empty" }, filtered ? "No run is like that." : "There are no runs yet.");
  }
  return h(
    "table",
    { class: "rows runs" },
    h("caption", { class: "unseen" }, "Runs, newest first"),
    h("thead", {}, h("tr", {}, ["State", "Run", "Workflow", "Started", "Took"].map((name) => h("th", { scope: "col" }, may && name === "State" && box(listed, "Select all on this page"), name)))),
    h("tbody", {}, listed.map((run) => row(run, may))),
  );
}

function row(run, may) {
  return h(
    "tr",
    { key: run.id },
    h("td", { class: "state" }, may && box([run], `Select ${run.id}`), badge(run.status), run.paused && h("div", { class: "line" }, "paused")),
    h(
      "td",
      { class: "name" },
      h("a", { class: "id", href: `#/runs/${encodeURIComponent(run.id)}` }, run.id),
      run.error && h("div", { class: "line error", title: run.error }, run.error),
    ),
    h("td", { class: "workflow" }, run.workflow),
    h("td", { class: "when" }, when(run.created_at)),
    h("td", { class: "took" }, duration(run.created_at, run.finished_at)),
  );
}

function pages(page, query) {
  const cursor = query.get("cursor");
  const older = new URLSearchParams(query);
  older.set("cursor", page.next ?? "");
  return h(
    "nav",
    { class: "pages", "aria-label": "Pages" },
    cursor && h("a", { key: "newest", href: changed(query, "cursor", "") }, "← Newest"),
    page.next && h("a", { key: "older", href: `#/runs?${older}` }, "Older →"),
  );
}
