"""Background jobs: ask Stripe about payments that stay open, finish what was interrupted, refund."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from ..booking.jobs.schedule import Job
from ..db.repository import payments, refunds
from ..db.repository.payments import PaymentState
from ..db.repository.refunds import ClaimedRefund
from ..errors import PaymentProviderUnavailable, RowLocked, Unavailable
from . import metrics
from .checked import CheckedRefund
from .context import PaymentContext
from .settle import record_check, settle

if TYPE_CHECKING:
    from .stripe_payments import StripePayments

CHECK_EVERY_S = 15
REFUND_EVERY_S = 5
DELETE_EVERY_S = 3600
PAYMENTS_A_RUN = 100
CHECKED_AT_ONCE = 8  # each takes a connection to PostgreSQL for a moment, and none while Stripe is asked
REFUNDS_AT_ONCE = 20
AGAIN_AFTER_S = 60
# A payment without a page is of a request that failed. It is given up after a while: Stripe may have made the page, but
# the customer does not know it.
WITHOUT_PAGE_S = 600


def payment_jobs(context: PaymentContext) -> Sequence[Job]:
    """The jobs of payments; one worker of the fleet runs each in a period."""
    return (
        Job("check_payments", CHECK_EVERY_S, partial(check_payments, context), shared=True),
        Job("send_refunds", REFUND_EVERY_S, partial(send_refunds, context), shared=True),
        Job("delete_payment_events", DELETE_EVERY_S, partial(delete_events, context), shared=True),
    )


async def check_payments(context: PaymentContext) -> None:
    """Settle what was paid, and ask Stripe about each payment that has been open for a minute, and every minute."""
    async with context.booking.database.connection() as conn:
        due = await payments.list_due(conn, row_limit=PAYMENTS_A_RUN)
    locked: list[UUID] = []
    places = asyncio.Semaphore(CHECKED_AT_ONCE)
    async with asyncio.TaskGroup() as group:
        for payment_id in due:
            group.create_task(_check_in_turn(context, payment_id, places, locked))
    for payment_id in locked:  # by the check of another payment of its reservation
        await _check_in_turn(context, payment_id, places, [])


async def _check_in_turn(
    context: PaymentContext, payment_id: UUID, places: asyncio.Semaphore, locked: list[UUID]
) -> None:
    """Check a payment when there is a place; what fails is logged, due again later, and stops none of the others."""
    async with places:
        try:
            await check_payment(context, payment_id)
        except RowLocked:
            locked.append(payment_id)
            context.log.info("payment_locked", payment_id=str(payment_id))
        except Unavailable as error:
            context.log.warning("payment_not_checked", payment_id=str(payment_id), cause=repr(error.__cause__))
        except Exception:  # a defect in the check of one payment
            context.log.exception("payment_check_failed", payment_id=str(payment_id))


async def check_payment(context: PaymentContext, payment_id: UUID) -> None:
    """Do what is left to do for a payment; raises PaymentProviderUnavailable."""
    async with context.booking.database.connection() as conn:
        # First, so that one that fails does not stand in the way of the others.
        await payments.postpone_check(conn, payment_id=payment_id, delay_s=AGAIN_AFTER_S)
        payment = await payments.find_payment(conn, payment_id=payment_id)
    if payment is None:
        return
    if payment.status == "succeeded":
        await settle(context, payment_id)
    elif payment.reference is None and (payment.age_s > WITHOUT_PAGE_S or not payment.is_held):
        async with context.booking.database.connection() as conn:
            await payments.mark_ended(conn, payment_id=payment_id, status="cancelled")
    elif payment.reference is not None and context.stripe is not None:
        await _ask(context, context.stripe, payment, payment.reference)


async def _ask(context: PaymentContext, stripe: "StripePayments", payment: PaymentState, reference: str) -> None:
    """Ask Stripe about a payment, or end it there, if it is of no use any more."""
    if payment.status == "pending" and payment.is_held:
        await record_check(context, payment.id, await stripe.look_up(reference), ended_as="failed")
    else:
        await record_check(context, payment.id, await stripe.end(reference), ended_as="cancelled")


async def send_refunds(context: PaymentContext) -> None:
    """Let Stripe refund what is due; what fails is due again later."""
    if context.stripe is None:
        return
    while True:
        async with context.booking.database.connection() as conn:
            claimed = await refunds.claim_refunds(conn, row_limit=REFUNDS_AT_ONCE)
        for refund in claimed:
            await _refund(context, context.stripe, refund)
        if len(claimed) < REFUNDS_AT_ONCE:
            return


async def _refund(context: PaymentContext, stripe: "StripePayments", refund: ClaimedRefund) -> None:
    made: CheckedRefund | None = None
    try:
        made = await stripe.refund(refund)
        error = made.error
    except PaymentProviderUnavailable as unavailable:
        error = str(unavailable)
    status = "pending" if made is None else made.status
    async with context.booking.database.connection() as conn:
        if made is not None and status == "succeeded":
            await refunds.mark_succeeded(conn, refund_id=refund.id, reference=made.reference)
            metrics.REFUNDS_SUCCEEDED.value += 1
            return
        reference = None if made is None else made.reference
        await refunds.record_attempt(conn, refund_id=refund.id, status=status, reference=reference, last_error=error)
    if status == "failed":
        metrics.REFUNDS_FAILED.value += 1
    context.log.warning("refund_not_made", refund_id=str(refund.id), status=status, attempts=refund.attempts)


async def delete_events(context: PaymentContext) -> None:
    """Delete old events of Stripe's webhook."""
    async with context.booking.database.connection() as conn:
        await payments.delete_old_events(conn)
