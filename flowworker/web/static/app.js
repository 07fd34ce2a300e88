// The frame around the views: who is here, whether the server can be reached, which view is shown.

import { ask, lost, news, send } from "./api.js";
import { h, render } from "./dom.js";
import { fleet } from "./fleet.js";
import { limit, limits } from "./limits.js";
import { login } from "./login.js";
import { run } from "./run.js";
import { runs } from "./runs.js";
import { schedule, schedules } from "./schedules.js";
import { workflow, workflows } from "./workflows.js";

const VIEWS = [
  [/^\/runs$/, runs],
  [/^\/runs\/([^/]+)$/, run],
  [/^\/workflows$/, workflows],
  [/^\/workflows\/([^/]+)$/, workflow],
  [/^\/schedules$/, schedules],
  [/^\/schedules\/([^/]+)$/, schedule],
  [/^\/limits$/, limits],
  [/^\/limits\/([^/]+)$/, limit],
  [/^\/fleet$/, fleet],
];
const PLACES = [["/runs", "Runs"], ["/workflows", "Workflows"], ["/schedules", "Schedules"], ["/limits", "Limits"], ["/fleet", "Fleet"]];

const main = document.getElementById("main");
let session = null;
let leaving = new AbortController();
let shown = "";

/** The view of the address: `#/runs?status=FAILED`. */
function show() {
  const address = location.hash.slice(1) || "/runs";
  if (!address.startsWith("/")) return; // the link to the content
  const [path, query] = address.split("?");
  leaving.abort();
  leaving = new AbortController();
  if (!session) return;
  const found = VIEWS.find(([pattern]) => pattern.test(path));
  if (!found) {
    location.hash = "#/runs";
    return;
  }
  const parts = path.match(found[0]).slice(1).map(decodeURIComponent);
  if (shown !== path) {
    render(main);
    if (shown) main.focus({ preventScroll: true }); // else the page begins at its top
    scrollTo(0, 0);
  }
  shown = path;
  drawHeader();
  found[1](main, {
    parts,
    query: new URLSearchParams(query),
    may: session.role === "operator" && !session.read_only,
    signal: leaving.signal,
  });
}

function drawHeader() {
  const place = location.hash.slice(1).split(/[/?]/)[1] || "runs";
  render(
    document.getElementById("header"),
    h("a", { class: "brand", href: "#/runs" }, h("img", { src: "icon.svg", alt: "" }), "flowworker"),
    h(
      "nav",
      { "aria-label": "Views" },
      PLACES.map(([path, name]) =>
        h("a", { key: path, href: `#${path}`, "aria-current": path === `/${place}` && "page" }, name),
      ),
    ),
    h("span", { class: `link ${lost ? "lost" : "well"}`, role: "status" }, lost ? `${lost} · trying again` : "Live"),
    session && h("span", { class: "who" }, session.name, session.read_only ? " · read only" : ""),
    session && h("button", { class: "plain", type: "button", onclick: logout }, "Log out"),
  );
}

async function logout() {
  await ask("session", { method: "DELETE" });
  enter();
}

function needLogin() {
  if (!session && shown === "login") return;
  session = null;
  shown = "login";
  leaving.abort();
  render(document.getElementById("header"));
  login(main, async (token) => {
    session = await send("session", { token });
    shown = "";
    show();
  });
}

/** The token of an address that logs in by itself, which is forgotten there: what is behind `#` no server is sent. */
function takeToken() {
  const [, token] = location.hash.match(/^#token=(.+)$/) ?? [];
  if (token) history.replaceState(null, "", "#/runs");
  return token;
}

async function enter() {
  const token = takeToken();
  try {
    session = token ? await send("session", { token }) : await ask("session");
  } catch (error) {
    if (error.status === 401) needLogin();
    else {
      render(main, h("p", { class: "empty" }, error.message));
      setTimeout(enter, 2000);
    }
    return;
  }
  show();
}

news.addEventListener("link", () => session && drawHeader());
news.addEventListener("login", needLogin);
addEventListener("hashchange", () => (location.hash.startsWith("#token=") ? enter() : show()));
enter();
