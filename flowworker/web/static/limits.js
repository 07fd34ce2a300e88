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
const BURST = 10000; // steps that may begin at once

export function limits(main, { query, may, signal }) {
  document.title = "Limits · flowworker";
  let found = null, problem = null;

  function draw() {
    render(
      main,
      h("h1", {}, "Limits"),
      found && may && h("div", { class: "buttons" }, h("button", { type: "button", onclick: () => set(null, refresh) }, "Set a limit")),
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
        h("dl", { class: "facts" }, fact("Held", found.held), fact("Of", allowed(found)), fact("Rate", found.rate ? `${found.rate}, ${found.burst} at once` : "–"), fact("Waiting", found.waiting)),
        found.waiting > 0 && found.next_at * 1000 > Date.now() && h("p", { class: "hint" }, "By its rate the next one begins at ", when(found.next_at), "."),
        isUnset(found) && h("p", { class: "block why", role: "status" }, "Nobody has set it: all that fall under it wait."),
        isOwn(found) && h("p", { class: "hint" }, ABOUT[kindOf(found)][1]),
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

/** Of limits that nobody sets: what they are, and who says how many. */
const ABOUT = {
  own: ["a step's own", "It is a step's own, for one value of its key: its definition says how many."],
  run: ["a workflow's own", "It is a workflow's own, for one value of its key: its definition says how many."],
  fair: ["turns in a queue", "Steps wait here for their turn in a queue, by the shares of their keys. It follows from the slots of workers how many are let in."],
};

function kindOf(one) {
  return one.name.split(".", 2)[0];
}

function isOwn(one) {
  return one.name.includes(".") && kindOf(one) in ABOUT;
}

function isUnset(one) {
  return !one.concurrency && !one.rate && !isOwn(one);
}

function allowed(one) {
  return one.concurrency || (one.rate ? "any" : "not set");
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
    h("thead", {}, h("tr", {}, ["Limit", "Held", "Of", "Rate", "Waiting"].map((name) => h("th", { scope: "col" }, name)))),
    h(
      "tbody",
      {},
      listed.map((each) =>
        h(
          "tr",
          { key: each.name },
          cell("Limit", h("a", { class: "id", href: `#/limits/${part(each.name)}` }, each.name), isOwn(each) && h("div", { class: "hint" }, ABOUT[kindOf(each)][0])),
          cell("Held", String(each.held)),
          cell("Of", isUnset(each) ? h("span", { class: "bad" }, "not set") : String(allowed(each))),
          cell("Rate", each.rate || "–"),
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
    button(isUnset(one) ? "Set" : "Change", () => set(one, done)),
    isUnset(one) ? null : button("Delete", () => remove(one.name, done)),
  );
}

/** Ask how many and how often, and for the name as well if no limit is given. */
function set(one, done) {
  const name = one?.name;
  const called = { title: "Name", description: "As steps say it in limits.", type: "string", pattern: "[A-Za-z0-9_\\-]{1,100}" };
  const says = {
    concurrency: { title: "Concurrency", description: "So many steps at a time, and no more.", type: "integer", minimum: 1, maximum: MOST, default: one?.concurrency || undefined },
    rate: { title: "Rate", description: "So many begin per s, m, h or d, as in 100/s.", type: "string", pattern: "[0-9]{1,9}/[smhd]", default: one?.rate || undefined },
    burst: { title: "Burst", description: "So many of them may begin at once.", type: "integer", minimum: 1, maximum: BURST, default: one?.rate ? one.burst : undefined },
  };
  const schema = name ? { properties: says } : { required: ["name"], properties: { name: called, ...says } };
  dialog({
    title: name ? `Set ${name}` : "Set a limit",
    body: fields(schema, "limit", "It says"),
    confirm: "Set",
    perform: async (form) => {
      const { name: given, ...body } = read(form, schema, "limit");
      const set = await ask(`limits/${part(name || given)}`, { method: "PUT", body });
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
