// Elements as values, and the page made to be like them. What is there already stays there, so that
// focus, selection, scroll positions and half-typed text outlive an update. Text is never markup.

const SVG = "http://www.w3.org/2000/svg";

/** One element that is wanted. `key` tells those of a list apart; `on…` are listeners. */
export function h(tag, props, ...children) {
  return { tag, props: props ?? {}, children };
}

/** Make the children of a parent these, and keep the focus. */
export function render(parent, ...children) {
  const focused = document.activeElement;
  fill(parent, children);
  if (focused !== document.activeElement && focused?.isConnected) {
    focused.focus({ preventScroll: true });
  }
}

function fill(parent, children) {
  const wanted = children.flat(Infinity).filter((child) => child != null && child !== false);
  const keys = new Set(wanted.map((child) => child.props?.key));
  const kept = new Map();
  for (const node of [...parent.childNodes]) {
    if (node.$key === undefined) continue;
    if (keys.has(node.$key)) kept.set(node.$key, node);
    else node.remove();
  }
  let place = parent.firstChild;
  for (const child of wanted) {
    const node = kept.get(child.props?.key) ?? (fits(place, child) ? place : make(child, parent));
    if (node === place) place = place.nextSibling;
    else parent.insertBefore(node, place);
    update(node, child);
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

function fits(node, child) {
  if (!node || node.$key !== child.props?.key) return false;
  return node.nodeName.toLowerCase() === (child.tag ?? "#text").toLowerCase();
}

function make(child, parent) {
  if (!child.tag) return document.createTextNode("");
  const inside = child.tag === "svg" || (parent.namespaceURI === SVG && parent.tagName !== "foreignObject");
  const node = inside ? document.createElementNS(SVG, child.tag) : document.createElement(child.tag);
  node.$key = child.props.key;
  return node;
}

function update(node, child) {
  if (!child.tag) {
    const text = String(child);
    if (node.data !== text) node.data = text;
    return;
  }
  const before = node.$props ?? {};
  for (const name of Object.keys({ ...before, ...child.props })) {
    // What is wanted as it was before stays as its user has made it since.
    if (name !== "key" && before[name] !== child.props[name]) set(node, name, child.props[name]);
  }
  node.$props = child.props;
  fill(node, child.children);
}

function set(node, name, value) {
  if (name.startsWith("on")) node[name] = value ?? null;
  else if (name === "style") Object.assign(node.style, value);
  else if (name === "selected") node.selected = Boolean(value);
  else if (name === "value" || name === "checked") node[name] = value ?? "";
  else if (value == null || value === false) node.removeAttribute(name);
  else node.setAttribute(name, value === true ? "" : value);
}
