// Links from one thing to another.

import { part } from "./api.js";
import { h } from "./dom.js";

export function runLink(id) {
  return id && h("a", { class: "id", href: `#/runs/${part(id)}` }, id);
}

/** To the limit that a reason is about; nothing if that is about instances of a loop. */
export function limitLink(subjects) {
  const [name] = subjects.filter((each) => /^([\w-]{1,100}|(own|run)\.[0-9a-f]{32}|fair\.[a-z]+-[\w-]{1,128})$/.test(each));
  return subjects.length === 1 && name && h("a", { href: `#/limits/${part(name)}` }, "Look at it");
}
