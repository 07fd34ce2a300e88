// A long list of rows of one height, of which only those in sight are there.

import { h } from "./dom.js";

const SPARE = 10;

/** `redraw` is called when another part comes in sight; `memo` is kept by the caller. */
export function rows(items, height, row, memo, redraw, label) {
  const most = 16;
  const top = Math.min(memo.top ?? 0, Math.max(0, items.length - most) * height); // it may have become shorter
  const first = Math.max(0, Math.floor(top / height) - SPARE);
  const shown = items.slice(first, first + most + 2 * SPARE + 4);
  return h(
    "div",
    {
      class: "virtual",
      tabindex: "0",
      role: "group",
      "aria-label": label,
      style: { height: `${Math.min(items.length, most) * height + 2}px` },
      onscroll: (event) => {
        const before = Math.floor((memo.top ?? 0) / height);
        memo.top = event.target.scrollTop;
        if (before !== Math.floor(memo.top / height)) redraw();
      },
    },
    h(
      "ol",
      { style: { height: `${items.length * height}px` } },
      shown.map((item, index) =>
        h(
          "li",
          {
            key: item.id,
            "aria-setsize": items.length,
            "aria-posinset": first + index + 1,
            style: { top: `${(first + index) * height}px`, height: `${height}px` },
          },
          row(item),
        ),
      ),
    ),
  );
}
