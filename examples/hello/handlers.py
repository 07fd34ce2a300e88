"""Two handlers: an async one, and a plain function that runs in a thread."""

from __future__ import annotations

from flowworker import App, StepContext

app = App()


@app.step("greet")
async def greet(ctx: StepContext) -> dict[str, str]:
    return {"text": f"Hello, {ctx.input['who']}!"}


@app.step("shout")
def shout(ctx: StepContext) -> dict[str, str]:
    return {"text": ctx.input["greet"]["text"].upper()}
