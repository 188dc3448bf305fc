"""Renders PDFs and QR codes in a thread beside the event loop, one at a time: it is Python that computes.

A ticket of a PDF takes some 25 ms of CPU, of which the search for the best mask of its QR code is half. Another thread
would not be faster, and the event loop gets its turn every 5 ms.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ..errors import Overloaded

Input = TypeVar("Input")

MAX_WAITING = 50  # of a process; the last of so many PDFs of two tickets waits for some seconds


class Renderer:
    """The thread, with a bounded queue; it starts with the first use."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tickets")
        self._waiting = 0

    async def run(self, render: Callable[[Input], bytes], what: Input) -> bytes:
        """Run a function in the thread; raises Overloaded if too many wait."""
        if self._waiting >= MAX_WAITING:
            raise Overloaded
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, render, what)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Wait for what is being rendered, and cancel what waits."""
        self._thread.shutdown(wait=True, cancel_futures=True)
