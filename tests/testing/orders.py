"""A shop's App and its workflow, as a user has them."""

from __future__ import annotations

from flowworker import App, StepContext, parse

ORDER = """
name: order.fulfil
input_schema: {type: object, required: [order_id]}
steps:
  - id: reserve
    uses: inventory.reserve
    saga: {uses: inventory.release}
  - id: charge
    uses: payments.charge
    depends_on: [reserve]
    queue: payments
    timeout: 30s
    retry: {max_attempts: 4, interval: 1h}
  - id: ship
    uses: shipping.ship
    depends_on: [charge]
    retry: {max_attempts: 2, interval: 1h}
    escalation: {strategy: wait_human}
"""


def shop():
    app = App()

    @app.step("inventory.reserve")
    def reserve(ctx: StepContext, order_id: int):
        return {"reserved": order_id}

    @app.step("inventory.release")
    async def release(ctx: StepContext):
        await ctx.emit("inventory.released")

    @app.step("payments.charge")
    async def charge(ctx: StepContext, order_id: int):
        await ctx.emit("order.paid", {"order_id": order_id})
        return {"charge_id": f"c{order_id}"}

    @app.step("shipping.ship")
    async def ship(ctx: StepContext):
        return {"parcel": "p1"}

    return app


def order():
    return parse(ORDER)
