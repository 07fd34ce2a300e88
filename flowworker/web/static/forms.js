// Forms made from JSON Schema, and the dialogs that they stand in.

import { h, render } from "./dom.js";
import { json } from "./format.js";

const SIMPLE = new Set(["string", "integer", "number", "boolean"]);

/** The fields for a value that satisfies the schema: one each for what an object has, if it says so. */
export function fields(schema, name, label) {
  const properties = schema?.properties;
  if (!properties || !Object.keys(properties).length) {
    return field(name, label, { ...schema, type: "any" }, false);
  }
  return h(
    "fieldset",
    { class: "fields" },
    h("legend", {}, label),
    Object.entries(properties).map(([key, each]) =>
      field(`${name}.${key}`, each.title ?? key, each, schema.required?.includes(key)),
    ),
  );
}

function field(name, label, schema, required) {
  const id = `field-${name}`;
  const hint = schema.description;
  const about = { id, name, "aria-describedby": hint ? `${id}-hint` : null };
  const box = schema.type === "boolean";
  return h(
    "div",
    { class: box ? "field box" : "field" },
    h("label", { for: id }, label, required && h("span", { class: "needed" }, " required")),
    input(about, schema, required),
    hint && h("p", { id: `${id}-hint`, class: "hint" }, hint),
  );
}

function input(about, schema, required) {
  const first = schema.default;
  if (schema.enum) {
    const choices = required ? schema.enum : ["", ...schema.enum];
    return h("select", about, choices.map((each) => h("option", { value: each, selected: each === first }, String(each))));
  }
  if (schema.type === "boolean") return h("input", { ...about, type: "checkbox", checked: first === true });
  if (schema.type === "integer" || schema.type === "number") {
    const step = schema.type === "integer" ? "1" : "any";
    return h("input", { ...about, required, type: "number", step, min: schema.minimum, max: schema.maximum, value: first ?? "" });
  }
  if (schema.type === "string") {
    return h("input", { ...about, required, type: schema.secret ? "password" : "text", minlength: schema.minLength, maxlength: schema.maxLength, pattern: schema.pattern, value: first ?? "" });
  }
  if (schema.type === "labels") return h("textarea", { ...about, rows: 2, spellcheck: "false", placeholder: "team=shipping" });
  return h("textarea", { ...about, required, rows: 5, spellcheck: "false", placeholder: "JSON", value: first === undefined ? "" : json(first) });
}

/** What was filled in; undefined for nothing. Throws an Error that says which text is no JSON. */
export function read(form, schema, name) {
  const properties = schema?.properties;
  if (!properties || !Object.keys(properties).length) return readField(form, name, {});
  const value = {};
  for (const [key, each] of Object.entries(properties)) {
    const found = readField(form, `${name}.${key}`, each);
    if (found !== undefined) value[key] = found;
  }
  return value;
}

function readField(form, name, schema) {
  const element = form.elements.namedItem(name);
  if (schema.type === "boolean") return element.checked || schema.default !== undefined ? element.checked : undefined;
  const text = element.value;
  if (text === "") return undefined;
  if (schema.enum) return schema.enum.find((each) => String(each) === text);
  if (schema.type === "integer" || schema.type === "number") return Number(text);
  if (SIMPLE.has(schema.type)) return text;
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${name.split(".").pop()}: expected JSON`);
  }
}

export function text(name, label, required = false) {
  return field(name, label, { type: "string" }, required);
}

/** A field for labels: NAME=VALUE, one a line. */
export function labels(name, hint) {
  return field(name, "Labels", { type: "labels", description: hint }, false);
}

/** The labels that were filled in. Throws an Error that says which line is none. */
export function readLabels(form, name) {
  const lines = form.elements.namedItem(name).value.split("\n").filter((line) => line.trim());
  const pairs = lines.map((line) => {
    const at = line.indexOf("=");
    if (at < 1) throw new Error(`Labels: expected NAME=VALUE, one a line, found ${line.trim()}`);
    return [line.slice(0, at).trim(), line.slice(at + 1).trim()];
  });
  return Object.fromEntries(pairs);
}

/** One of several words, each with what is shown for it. */
export function choice(name, label, choices) {
  const id = `field-${name}`;
  const options = Object.entries(choices).map(([value, shown]) => h("option", { value }, shown));
  return h("div", { class: "field" }, h("label", { for: id }, label), h("select", { id, name }, options));
}

export function say(words) {
  document.getElementById("said").textContent = words;
}

/** Ask for more in a dialog. `perform` is given the form; what it throws is shown, and can be mended. */
export function dialog({ title, body, confirm, harm = false, perform }) {
  const element = document.createElement("dialog");
  let refused = "", busy = false;
  const back = document.activeElement;

  async function submit(event) {
    event.preventDefault();
    busy = true;
    refused = "";
    draw();
    try {
      await perform(event.target);
      element.close();
    } catch (error) {
      refused = error.message;
    }
    busy = false;
    draw();
  }

  function draw() {
    render(
      element,
      h(
        "form",
        { class: "dialog", onsubmit: submit },
        h("h2", { id: "dialog-title" }, title),
        body,
        h("p", { class: "error", role: "alert" }, refused),
        h(
          "div",
          { class: "buttons" },
          h("button", { type: "button", class: "second", onclick: () => element.close() }, "Back"),
          h("button", { type: "submit", class: harm ? "harm" : null, disabled: busy }, confirm),
        ),
      ),
    );
  }

  element.setAttribute("aria-labelledby", "dialog-title");
  element.addEventListener("close", () => {
    element.remove();
    if (back?.isConnected) back.focus();
  });
  draw();
  document.body.append(element);
  element.showModal();
  element.querySelector("input, textarea, select")?.focus();
}
