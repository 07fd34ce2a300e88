// What a page has to be for somebody who does not see it, or not well: run within it, by the tests.
// Each function returns a list of faults, one line each.

const CONTROLS = "a[href], button, input, select, textarea, summary, [tabindex='0']";

const isSeen = (element) => element.checkVisibility({ visibilityProperty: true }) && element.getClientRects().length > 0;

function said(element) {
  const what = element.outerHTML ?? element.parentElement.outerHTML;
  return what.slice(0, 120);
}

/** What a screen reader calls it: labels, text, or a title. */
function nameOf(element) {
  const label = element.getAttribute("aria-label");
  if (label) return label;
  const by = (element.getAttribute("aria-labelledby") ?? "").split(" ").filter(Boolean);
  const texts = [...by.map((id) => document.getElementById(id)), ...(element.labels ?? [])].map((each) => each?.textContent ?? "");
  const own = element.matches("input, select, textarea") ? "" : element.textContent;
  return [...texts, own, element.title, element.alt ?? ""].join(" ").trim();
}

function structure() {
  const faults = [];
  const all = [...document.querySelectorAll("body *")];
  const wrong = (element, why) => faults.push(`${why}: ${said(element)}`);
  for (const each of document.querySelectorAll(CONTROLS)) if (isSeen(each) && !nameOf(each)) wrong(each, "no name");
  for (const each of document.querySelectorAll("[role=img], img, table, nav, dialog, progress, meter")) {
    if (each.matches("img[alt='']")) continue;
    if (!nameOf(each) && !each.caption) wrong(each, "no name");
  }
  for (const each of document.querySelectorAll("svg")) {
    const hidden = each.closest("[aria-hidden=true]") || each.getAttribute("role") || each.parentElement.closest("svg");
    if (!hidden) wrong(each, "neither hidden nor named");
  }
  for (const each of document.querySelectorAll("a a, a button, button a, button button, label label")) wrong(each, "one control within another");
  for (const each of document.querySelectorAll("th:not([scope])")) wrong(each, "a heading of nothing");
  for (const each of document.querySelectorAll("li")) if (!each.parentElement.matches("ul, ol")) wrong(each, "in no list");
  for (const each of document.querySelectorAll("[tabindex]")) if (each.tabIndex > 0) wrong(each, "out of order");
  const ids = all.map((each) => each.id).filter(Boolean);
  for (const id of new Set(ids)) if (ids.filter((each) => each === id).length > 1) faults.push(`the id ${id} twice`);
  for (const each of document.querySelectorAll("[aria-describedby], [aria-labelledby], label[for]")) {
    const named = ["aria-describedby", "aria-labelledby", "for"].map((name) => each.getAttribute(name) ?? "").join(" ");
    for (const id of named.split(" ").filter(Boolean)) if (!document.getElementById(id)) wrong(each, `nothing is ${id}`);
  }
  const levels = [...document.querySelectorAll("h1, h2, h3, h4")].filter(isSeen).map((each) => Number(each.tagName[1]));
  if (levels.filter((level) => level === 1).length !== 1 || levels[0] !== 1) faults.push(`headings of levels ${levels}`);
  levels.slice(1).forEach((level, at) => level > levels[at] + 1 && faults.push(`a heading of level ${level} below one of ${levels[at]}`));
  if (document.querySelectorAll("main").length !== 1) faults.push("not one main");
  if (!document.documentElement.lang || !document.title) faults.push("no language, or no title");
  return faults;
}

const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

/** Any colour as [red, green, blue, opacity], of 0 to 1. */
function colour(text) {
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = text;
  canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data].map((each) => each / 255);
}

function over([r, g, b, a], below) {
  return [r, g, b].map((each, at) => each * a + below[at] * (1 - a)).concat(1);
}

function behind(element) {
  const layers = [];
  for (let each = element; each; each = each.parentElement) {
    const inside = each.namespaceURI.endsWith("svg");
    const rect = inside && each !== element ? [...each.children].find((child) => child.tagName === "rect") : null;
    const found = rect ? getComputedStyle(rect).fill : inside ? "none" : getComputedStyle(each).backgroundColor;
    if (found === "none") continue;
    layers.push(colour(found));
    if (layers.at(-1)[3] === 1) break;
  }
  return layers.reverse().reduce((below, layer) => over(layer, below), [1, 1, 1, 1]);
}

function luminance([r, g, b]) {
  const [x, y, z] = [r, g, b].map((each) => (each <= 0.03928 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4));
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
}

function ratio(one, other) {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

function opacity(element) {
  let all = 1;
  for (let each = element; each; each = each.parentElement) all *= Number(getComputedStyle(each).opacity);
  return all;
}

/** WCAG 2.2, 1.4.3 (AA): 4.5 to 1, and 3 to 1 of large text. */
function contrast() {
  const faults = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    const element = text.parentElement;
    if (!text.data.trim() || !isSeen(element) || element.closest("option, .unseen, [disabled], noscript")) continue;
    const style = getComputedStyle(element);
    const size = parseFloat(style.fontSize);
    if (!size) continue; // a badge of which only the shape is shown
    const below = behind(element);
    const [r, g, b, a] = colour(element.namespaceURI.endsWith("svg") ? style.fill : style.color);
    const found = ratio(over([r, g, b, a * opacity(element)], below), below);
    const least = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    if (found < least) faults.add(`${found.toFixed(2)} to 1: ${said(element)}`);
  }
  return [...faults];
}

function motion() {
  const moves = (style) => [style.transitionDuration, style.animationDuration].some((each) => each.split(", ").some((one) => parseFloat(one) > 0));
  return [...document.querySelectorAll("*")].filter((each) => moves(getComputedStyle(each))).map(said);
}

function width() {
  const wide = document.documentElement.scrollWidth;
  return wide > innerWidth ? [`${wide} pixels wide`] : [];
}

/** Those that are to be reached one after the other. */
function reachable() {
  const all = [...document.querySelectorAll(`${CONTROLS}, .graph a`)];
  return all.filter((each) => isSeen(each) && each.tabIndex >= 0 && !each.disabled);
}

/** How many they are; each is numbered. */
function controls() {
  const all = reachable();
  all.forEach((each, at) => (each.$at = at));
  return all.length;
}

/** How many have come since then. */
function unknown() {
  return reachable().filter((each) => each.$at === undefined).length;
}

/** The one that has the focus: which, and whether one sees that. */
function focused() {
  const here = document.activeElement;
  const style = getComputedStyle(here);
  return [here.$at ?? -1, (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2) || here.matches("input, select, textarea"), said(here)];
}
