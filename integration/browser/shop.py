"""The steps of `shop.yaml`, for pictures."""

from __future__ import annotations

import asyncio

from flowworker import App, StepContext

app = App()


@app.step("check")
async def check(ctx: StepContext) -> dict:
    await asyncio.sleep(0.4)
    return {"stock": "enough"}


@app.step("charge")
async def charge(ctx: StepContext) -> dict:
    await asyncio.sleep(0.7)
    if ctx.input.get("card") == "foreign":
        raise ConnectionError("the bank does not answer")
    return {"receipt": "R-7031"}


@app.step("pick")
async def pick(ctx: StepContext) -> dict:
    await asyncio.sleep(600 if ctx.input.get("slow") else 0.5)
    return {"shelf": 12}


@app.step("label")
@app.step("ship")
@app.step("thank")
@app.step("refund")
@app.step("call_back")
@app.step("thank_by_letter")
async def move(ctx: StepContext) -> dict:
    await asyncio.sleep(0.3)
    return {}
