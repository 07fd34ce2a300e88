// Links from one thing to another.

import { part } from "./api.js";
import { h } from "./dom.js";

export function runLink(id) {
  return id && h("a", { class: "id", href: `#/runs/${part(id)}` }, id);
}
