// Keeps a view up to date: it is loaded again when something has happened, but no more often than
// loading it is cheap, and after a lost connection until it succeeds.

import { Problem, setLost, urlOf } from "./api.js";

const SOONEST = 300; // ms between two loads
const SHARE = 3; // and so many times as long as one takes
const AGAIN = 2000; // ms after which it is tried again

/** Load and draw, now and whenever `refresh` is called, until the signal aborts. */
export function live(load, draw, fail, signal) {
  let timer = 0, busy = false, stale = false, next = 0;

  function refresh() {
    if (busy) stale = true;
    else if (!timer) timer = setTimeout(run, Math.max(0, next - performance.now()));
  }

  async function run() {
    timer = 0;
    if (signal.aborted) return;
    busy = true;
    stale = false;
    const since = performance.now();
    let pause = SOONEST;
    try {
      const found = await load(signal);
      if (!signal.aborted) draw(found);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
      fail(error);
      stale = error.passing;
      pause = AGAIN;
    }
    busy = false;
    next = performance.now() + Math.max(pause, SHARE * (performance.now() - since));
    if (stale) refresh();
  }

  refresh();
  return refresh;
}

/** Be told of events, over lost connections, until the signal aborts or the stream says `end`, of which `over` is told. */
export function listen(path, told, signal, over = () => {}) {
  let source, timer;

  function open() {
    source = new EventSource(urlOf(path));
    source.onmessage = (message) => told(JSON.parse(message.data));
    source.addEventListener("gap", () => told(null));
    source.addEventListener("end", () => {
      close();
      over();
    });
    source.onopen = () => told(null); // what came while it was closed was not told
    source.onerror = () => {
      setLost("The connection is lost");
      told(null);
      if (source.readyState === EventSource.CLOSED) timer = setTimeout(open, AGAIN);
    };
  }

  function close() {
    clearTimeout(timer);
    source.close();
  }

  open();
  signal.addEventListener("abort", close);
}

/** Call each second, as times pass. */
export function tick(draw, signal) {
  const timer = setInterval(draw, 1000);
  signal.addEventListener("abort", () => clearInterval(timer));
}
