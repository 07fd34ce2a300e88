// Limits: how many steps may be at work at a time, which are, and which wait.

import { ask, part } from "./api.js";
import { h, render } from "./dom.js";
import { when } from "./format.js";
import { dialog, fields, read, say } from "./forms.js";
import { runLink } from "./links.js";
import { live, tick } from "./live.js";

const OFTEN = 2000; // ms between two looks: no event says that a step waits for a limit
const PAGE = 50;
const MOST = 1000; // steps that one limit may let in

export function limits(main, { query, may, signal }) {
  document.title = "Limits · flowworker";
  let found = null, problem = null;

  function draw() {
    render(
      main,
      h("h1", {}, "Limits"),
      found && may && h("div", { class: "buttons" }, h("button", { type: "button", onclick: () => set("", 0, refresh) }, "Set a limit")),
      problem && h("p", { class: "error", role: "alert" }, problem),
      found ? list(found.limits) : !problem && h("p", { class: "empty" }, "Loading…"),
      found && pages("#/limits", query, found.next),
    );
  }

  const wanted = () => `limits?${new URLSearchParams({ ...Object.fromEntries(query), limit: PAGE })}`;
  const refresh = follow(() => ask(wanted(), { signal }), (seen, refused) => ([found, problem] = [seen ?? found, refused]), draw, signal);
}

export function limit(main, { parts: [name], query, may, signal }) {
  document.title = `${name} · flowworker`;
  let found = null, waiting = null, problem = null;

  async function load() {
    const wanted = new URLSearchParams({ ...Object.fromEntries(query), limit: PAGE });
    return Promise.all([ask(`limits/${part(name)}`, { signal }), ask(`limits/${part(name)}/waiting?${wanted}`, { signal })]);
  }

  function keep(seen, refused) {
    problem = refused;
    if (seen) [found, waiting] = seen;
    else if (refused) found = null; // what is no longer there has no holders
  }

  function draw() {
    render(
      main,
      h("p", { class: "crumb" }, h("a", { href: "#/limits" }, "Limits")),
      h("h1", { class: "id" }, name),
      problem && h("p", { class: "error", role: "alert" }, problem),
      !found && !problem && h("p", { class: "empty" }, "Loading…"),
      found && [
        h("dl", { class: "facts" }, fact("Held", found.held), fact("Of", allowed(found)), fact("Waiting", found.waiting)),
        isUnset(found) && h("p", { class: "block why", role: "status" }, "Nobody has set it: all that fall under it wait."),
        isOwn(found) && h("p", { class: "hint" }, "It is a step's own, for one value of its key: its definition says how many."),
        may && !isOwn(found) && actions(found, refresh),
        h("h2", {}, "At work"),
        found.held ? times("Steps that hold it", found.holders) : h("p", { class: "empty" }, "No step holds it."),
        h("h2", {}, "Waiting"),
        waiting.waiting.length ? times("Steps that wait", waiting.waiting) : h("p", { class: "empty" }, "No step waits for it."),
        pages(`#/limits/${part(name)}`, query, waiting.next),
      ],
    );
  }

  const refresh = follow(load, keep, draw, signal);
}

/** Load and draw again every moment; `keep` is given what was found, or null and why not. */
function follow(load, keep, draw, signal) {
  const show = (found, refused) => {
    keep(found, refused);
    draw();
  };
  const refresh = live(load, (found) => show(found, null), (error) => show(null, error.passing ? null : error.message), signal);
  const timer = setInterval(refresh, OFTEN);
  signal.addEventListener("abort", () => clearInterval(timer));
  tick(draw, signal);
  draw();
  return refresh;
}

function isOwn(one) {
  return one.name.startsWith("own.");
}

function isUnset(one) {
  return !one.concurrency && !isOwn(one);
}

function allowed(one) {
  return one.concurrency || "not set";
}

function fact(name, value) {
  return h("div", { key: name, class: "fact" }, h("dt", {}, name), h("dd", {}, String(value)));
}

function list(listed) {
  if (!listed.length) return h("p", { class: "empty" }, "No limit is set, held or waited for.");
  const cell = (name, ...content) => h("td", { "data-name": name }, h("div", {}, ...content));
  return h(
    "table",
    { class: "rows members" },
    h("caption", { class: "unseen" }, "Limits, by name"),
    h("thead", {}, h("tr", {}, ["Limit", "Held", "Of", "Waiting"].map((name) => h("th", { scope: "col" }, name)))),
    h(
      "tbody",
      {},
      listed.map((each) =>
        h(
          "tr",
          { key: each.name },
          cell("Limit", h("a", { class: "id", href: `#/limits/${part(each.name)}` }, each.name), isOwn(each) && h("div", { class: "hint" }, "a step's own")),
          cell("Held", String(each.held)),
          cell("Of", isUnset(each) ? h("span", { class: "bad" }, "not set") : String(each.concurrency)),
          cell("Waiting", String(each.waiting)),
        ),
      ),
    ),
  );
}

function times(name, listed) {
  const cell = (title, ...content) => h("td", { "data-name": title }, h("div", {}, ...content));
  const row = (each) => h("tr", { key: `${each.run} ${each.step}` }, cell("Run", runLink(each.run)), cell("Step", h("a", { class: "id", href: `#/runs/${part(each.run)}?step=${part(each.step)}` }, each.step)), cell("Since", when(each.since)));
  return h(
    "table",
    { class: "rows members" },
    h("caption", { class: "unseen" }, name),
    h("thead", {}, h("tr", {}, ["Run", "Step", "Since"].map((title) => h("th", { scope: "col" }, title)))),
    h("tbody", {}, listed.map(row)),
  );
}

function pages(path, query, next) {
  return h(
    "nav",
    { class: "pages", "aria-label": "Pages" },
    query.get("cursor") && h("a", { key: "first", href: path }, "← First"),
    next && h("a", { key: "next", href: `${path}?${new URLSearchParams({ cursor: next })}` }, "Next →"),
  );
}

function actions(one, done) {
  const button = (name, onclick) => h("button", { key: name, type: "button", class: name === "Delete" ? "second" : null, onclick }, name);
  return h(
    "div",
    { class: "buttons", role: "group", "aria-label": "Actions" },
    button(one.concurrency ? "Change" : "Set", () => set(one.name, one.concurrency, done)),
    one.concurrency ? button("Delete", () => remove(one.name, done)) : null,
  );
}

/** Ask how many, and for the name as well if that is not known. */
function set(name, concurrency, done) {
  const called = { title: "Name", description: "As steps say it in limits.", type: "string", pattern: "[A-Za-z0-9_\\-]{1,100}" };
  const many = { title: "Concurrency", description: "So many steps at a time, and no more.", type: "integer", minimum: 1, maximum: MOST, default: concurrency || undefined };
  const schema = { required: ["name", "concurrency"], properties: name ? { concurrency: many } : { name: called, concurrency: many } };
  dialog({
    title: name ? `Set ${name}` : "Set a limit",
    body: fields(schema, "limit", "It says"),
    confirm: "Set",
    perform: async (form) => {
      const said = read(form, schema, "limit");
      const set = await ask(`limits/${part(name || said.name)}`, { method: "PUT", body: { concurrency: said.concurrency } });
      say("Set.");
      if (name) done();
      else location.hash = `#/limits/${part(set.name)}`;
    },
  });
}

function remove(name, done) {
  dialog({
    title: "Delete this limit",
    body: h("p", { class: "hint" }, "Nothing is stopped. Steps that fall under it wait until it is set again."),
    confirm: "Delete",
    harm: true,
    perform: async () => {
      await ask(`limits/${part(name)}`, { method: "DELETE" });
      say("Deleted.");
      done();
    },
  });
}
