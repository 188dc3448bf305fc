"""Sales that are paid: holds, their payments, and what the background jobs do about them, all at once."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from tests.api import Answer, Api, Cinema, Connection, Person
from tests.payments.stripe_account import COMPLETED, StripeAccount, deliver


@dataclass(frozen=True, slots=True)
class Sale:
    """A hold of a customer, and its payment."""

    cinema: Cinema
    customer: Person
    reservation_id: str
    payment: dict[str, Any]

    @property
    def payment_id(self) -> str:
        """The id of the payment."""
        return str(self.payment["payment_id"])


async def pay(api: Api, who: Person, reservation_id: str) -> Answer:
    """Ask to pay for a reservation."""
    return await api.call("POST", f"/reservations/{reservation_id}/pay", who=who)


async def persistently(send: Callable[[], Awaitable[Answer]]) -> Answer:
    """Send a request again while another one has locked what it needs, as clients and Stripe do."""
    while (answer := await send()).status == 503:
        await asyncio.sleep(0)
    return answer


async def open_sale(
    api: Api, *, seats: int = 2, cinema: Cinema | None = None, first_seat: int = 0, customer: Person | None = None
) -> Sale:
    """A hold, and its open payment."""
    cinema, customer = cinema or await api.cinema(), customer or await api.sign_up()
    held = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[first_seat : first_seat + seats])
    assert held.status == 201, held.text
    paid = await pay(api, customer, held.json["id"])
    assert paid.status == 201, paid.text
    return Sale(cinema, customer, held.json["id"], paid.json)


async def paid_sale(api: Api, stripe: StripeAccount, *, seats: int = 2) -> Sale:
    """A reservation that was paid at Stripe and confirmed by its event."""
    sale = await open_sale(api, seats=seats)
    await pay_at(stripe, api, sale)
    assert await status(api, sale) == "confirmed"
    return sale


async def pay_at(stripe: StripeAccount, api: Api, sale: Sale) -> None:
    """Pay at Stripe, and let it tell the service."""
    await stripe.pay(sale.payment["checkout_url"])
    told = await deliver(api, await stripe.event(COMPLETED, sale.payment_id))
    assert told.status == 204, told.text


async def external_sale(api: Api, *, seats: int = 2) -> Sale:
    """A reservation that was paid elsewhere, as staff have said, and is confirmed with that."""
    cinema, customer, staff = await api.cinema(), await api.sign_up(), await api.staff()
    held = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:seats])
    paid = await pay(api, staff, held.json["id"])
    assert paid.status == 201, paid.text
    return Sale(cinema, customer, held.json["id"], paid.json)


async def status(api: Api, sale: Sale) -> str:
    """The reservation's status, as its customer sees it."""
    found = await api.call("GET", f"/reservations/{sale.reservation_id}", who=sale.customer)
    assert found.status == 200, found.text
    return str(found.json["status"])


async def payments_of(api: Api, sale: Sale) -> list[dict[str, Any]]:
    """The payments of the reservation, as its customer sees them."""
    found = await api.call("GET", f"/reservations/{sale.reservation_id}/payments", who=sale.customer)
    assert found.status == 200, found.text
    return list(found.json["items"])


async def refunds_of(api: Api, sale: Sale) -> list[tuple[str, str, str]]:
    """Amount, reason and status of each refund of the reservation."""
    payments = await payments_of(api, sale)
    return [(each["amount"], each["reason"], each["status"]) for payment in payments for each in payment["refunds"]]


async def end_hold(db: Connection, sale: Sale) -> None:
    """Let the time of a hold pass."""
    await db.execute(
        "update reservations set expires_at = created_at + interval '1 us' where id = $1", sale.reservation_id
    )


async def work(api: Api, db: Connection) -> None:
    """Run the background jobs, with all payments and refunds due that are not done."""
    await db.execute("update payments set check_at = now() where settled_at is null")
    await db.execute("update refunds set next_attempt_at = now() where status = 'pending'")
    await api.work()
