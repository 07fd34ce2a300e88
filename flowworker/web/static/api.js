// Asks the server, and knows whether it can be reached.

const BASE = new URL("api/v1/", document.baseURI);

/** Tells of `link` (it is lost, or back: see `lost`) and of `login` (a token is needed). */
export const news = new EventTarget();

export let lost = "";

/** What the server says why it does not answer; `status` is 0 if it cannot be reached. */
export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }

  get passing() {
    return [0, 429, 502, 503, 504].includes(this.status);
  }
}

export function setLost(reason) {
  if (reason === lost) return;
  lost = reason;
  news.dispatchEvent(new Event("link"));
}

export function urlOf(path) {
  return new URL(path.replace(/^\//, ""), BASE);
}

/** The value that is answered, null for none; throws a Problem. */
export async function ask(path, { method = "GET", body, signal } = {}) {
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["Flowworker-Csrf"] = "1";
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer, text;
  try {
    answer = await fetch(urlOf(path), { method, headers, signal, body: body && JSON.stringify(body) });
    text = await answer.text();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    setLost("The server cannot be reached");
    throw new Problem(0, lost);
  }
  if (answer.ok) {
    setLost("");
    return text ? JSON.parse(text) : null;
  }
  const problem = new Problem(answer.status, detailOf(text) || answer.statusText);
  if ([502, 503, 504].includes(problem.status)) setLost("The fleet cannot be reached");
  if (problem.status === 401 && path !== "session") news.dispatchEvent(new Event("login"));
  throw problem;
}

function detailOf(text) {
  try {
    return JSON.parse(text).detail;
  } catch {
    return "";
  }
}

export function send(path, body = {}) {
  return ask(path, { method: "POST", body });
}

/** A part of a path. */
export function part(text) {
  return encodeURIComponent(text);
}
