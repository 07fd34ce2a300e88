// Why a run does not move. The answer costs the fleet more than the run itself: it is asked for when
// nothing has happened for a moment, and from time to time.

import { ask, Problem } from "./api.js";
import { h } from "./dom.js";
import { limitLink, runLink } from "./links.js";

const QUIET = 800; // ms
const AGAIN = 5000; // ms between two questions, whatever happens

/** Ask while the run goes on and somebody looks; the function that is returned says that something has happened. */
export function reasons(path, goesOn, told, signal) {
  let timer = 0, asked = -AGAIN;

  function soon(pause) {
    clearTimeout(timer);
    timer = setTimeout(look, pause);
  }

  async function look() {
    if (signal.aborted) return;
    asked = performance.now();
    if (goesOn() && !document.hidden) {
      try {
        told(await ask(`${path}/why`, { signal }));
      } catch (error) {
        if (!(error instanceof Problem)) return; // the view was left
      }
    }
    soon(AGAIN);
  }

  soon(QUIET);
  return () => soon(Math.max(0, Math.min(QUIET, asked + AGAIN - performance.now())));
}

/** What a step waits for, if that was found out of the state in which it is. */
export function reasonsOf(found, step) {
  const seen = found?.steps.find((each) => each.id === step.id);
  return seen?.status === step.status ? seen.reasons : [];
}

/** The reasons of a run or a step, and what is to be done. */
export function why(name, found, heading = "h3") {
  if (!found?.length) return null;
  return h(
    "section",
    { key: name, class: "why block", "aria-label": name },
    h(heading, {}, "Why it does not move"),
    h("ul", {}, found.map((each) => h("li", { "data-kind": each.kind }, each.text, each.kind === "child" && [" ", runLink(each.subjects[0])], each.kind === "limit" && [" ", limitLink(each.subjects)], each.remedy && h("p", { class: "remedy" }, each.remedy)))),
  );
}
