// Exchanges a token for a cookie that no script can read.

import { h, render } from "./dom.js";

export function login(main, enter) {
  let refused = "";

  async function submit(event) {
    event.preventDefault();
    try {
      await enter(new FormData(event.target).get("token"));
    } catch (error) {
      refused = error.message;
      draw();
      main.querySelector("input").select();
    }
  }

  function draw() {
    render(
      main,
      h(
        "form",
        { class: "login card", onsubmit: submit },
        h("h1", {}, "Log in"),
        h("label", { for: "token" }, "Token"),
        h("input", {
          id: "token", name: "token", type: "password", required: true, autocomplete: "current-password",
          "aria-describedby": "refused", "aria-invalid": refused ? "true" : null,
        }),
        h("p", { id: "refused", class: "error", role: "alert" }, refused),
        h("button", { type: "submit" }, "Log in"),
        h("p", { class: "hint" }, "The server prints one at its start, or reads them from the file of --tokens."),
      ),
    );
  }

  draw();
  main.querySelector("input").focus();
}
