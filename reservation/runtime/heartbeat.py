"""The sign that a process gives while its event loop runs: one that is blocked or stopped gives none."""

import asyncio
from collections.abc import Callable

BEAT_EVERY_S = 0.5


async def beat_forever(beat: Callable[[], None]) -> None:
    """Call `beat` until this task is cancelled."""
    while True:
        beat()
        await asyncio.sleep(BEAT_EVERY_S)
