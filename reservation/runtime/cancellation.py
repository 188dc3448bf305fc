"""Cancels tasks that run until they are cancelled, and repeats the cancel until they have ended.

One cancel is not enough: where there is a socket timeout, redis-py awaits commands with `asyncio.wait_for`, and Python
3.11's drops a cancellation that comes in the same round of the event loop as the result.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

CANCEL_AGAIN_S = 0.5


async def cancel_and_wait(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    """Cancel tasks until they have ended; each must now and then await something else than Redis."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_S)


def is_cancel_requested() -> bool:
    """Whether the current task was cancelled, even if the CancelledError itself was dropped."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
