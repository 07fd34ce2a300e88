// Times, sizes and values for people. Times are seconds since the epoch, 0 if there is none.

import { h } from "./dom.js";

const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

/** As `3 h 20 min`: the two greatest units. */
export function span(seconds) {
  if (seconds < 0.0995) return `${Math.max(0, Math.round(seconds * 1000))} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const said = [];
  let left = Math.round(seconds);
  for (const [unit, size] of UNITS) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count) said.push(`${count} ${unit}`);
    else if (said.length) break;
    if (said.length === 2) break;
  }
  return said.join(" ");
}

export function now() {
  return Date.now() / 1000;
}

export function duration(from, to) {
  return from ? span((to || now()) - from) : "";
}

/** When that was, as a `time` element. */
export function when(seconds) {
  if (!seconds) return null;
  const moment = new Date(seconds * 1000);
  const exact = moment.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
  const passed = now() - seconds;
  const said = passed < 0 ? `in ${span(-passed)}` : passed < 1 ? "now" : `${span(Math.round(passed)).split(" ").slice(0, 2).join(" ")} ago`;
  return h("time", { datetime: moment.toISOString(), title: exact }, said);
}

export function clock(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString(undefined, { hour12: false });
}

export function size(bytes) {
  return bytes < 1000 ? `${bytes} B` : bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

export function json(value) {
  return JSON.stringify(value, null, 2);
}
