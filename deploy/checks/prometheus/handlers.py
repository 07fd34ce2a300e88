"""What the steps of the scraped fleet do."""

from __future__ import annotations

from flowworker import App, NonRetryableError, StepContext

app = App()


@app.step("goods.pack")
async def pack(ctx: StepContext) -> dict[str, str]:
    return {"text": "x" * 10_000}


@app.step("goods.weigh")
async def weigh(ctx: StepContext) -> dict[str, int]:
    if ctx.attempt < 2:
        raise RuntimeError("the scales are busy")
    return {"grams": 100}


@app.step("goods.refuse")
def refuse(ctx: StepContext) -> None:
    raise NonRetryableError("out of stock")
