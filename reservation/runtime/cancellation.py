"""Ending tasks that run for ever, by cancelling them until they have ended: once is not always enough.

Wherever there is a socket timeout, redis-py waits for its commands by `asyncio.wait_for`; and in Python 3.11, when what
that waits for is done already, a cancellation that comes in the same round of the loop is dropped for the result.
"""

import asyncio
from collections.abc import Iterable

CANCEL_AGAIN_S = 0.5


async def cancel_and_wait(tasks: Iterable["asyncio.Task[None]"]) -> None:
    """Cancel tasks until they have ended; each must wait for something else than Redis now and then."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_S)


def is_cancelled() -> bool:
    """Whether somebody ends this task, though the cancellation itself may have been dropped."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
