"""A host that never answers is passed, and a primary of before a fail-over is refused."""

import asyncio
import gc
import socket
from contextlib import suppress
from time import monotonic
from urllib.parse import urlsplit

import pytest

from reservation.db.failover import server_lines
from reservation.db.failover.server_choice import HOST_WAIT_S, ServerChoice, hosts_of
from reservation.db.failover.server_lines import OldPrimary, ServerLine, ServerLines
from tests.api import Connection
from tests.ports import free_port


async def test_a_host_that_accepts_and_never_answers_is_passed(database_url: str) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as silent:  # the kernel accepts, as for a stopped process
        address = urlsplit(database_url)
        hosts = f"@127.0.0.1:{silent.getsockname()[1]},{address.hostname}:{address.port}"
        url = database_url.replace(f"@{address.hostname}:{address.port}", hosts)
        started = monotonic()
        connection = await ServerChoice(ServerLines()).connect(
            f"{url}{'&' if '?' in url else '?'}target_session_attrs=read-write"
        )
        assert monotonic() - started < HOST_WAIT_S
        assert await connection.fetchval("select 1") == 1
        await connection.close()


@pytest.mark.parametrize("hosts", [1, 2])
async def test_a_connection_whose_opening_is_cancelled_is_closed_without_an_error(
    hosts: int, database_url: str, db: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    address, choice = urlsplit(database_url), ServerChoice(ServerLines())
    host = f"{address.hostname}:{address.port}"
    url = database_url.replace(f"@{host}", f"@{','.join([host] * hosts)}")
    gc.collect()  # asyncio logs what earlier tests have left when that is deleted
    caplog.clear()
    for rounds in range(50):
        opening = asyncio.create_task(choice.connect(url, server_settings={"application_name": "cancelled"}))
        for _ in range(rounds):
            await asyncio.sleep(0)
        opening.cancel()
        with suppress(asyncio.CancelledError):
            (await opening).terminate()  # it was open before the cancel
    async with asyncio.timeout(20):
        while choice.abandoned or await db.fetchval(
            "select count(*) from pg_stat_activity where application_name = 'cancelled'"
        ):
            await asyncio.sleep(0.01)
    gc.collect()
    assert caplog.records == []


async def test_a_lower_timeline_is_refused_and_a_higher_one_replaces_connections() -> None:
    lines, replaced = ServerLines(), []

    async def replace() -> None:
        replaced.append(True)

    lines.on_failed_over.append(replace)
    await lines.note(ServerLine("1", 1))
    await lines.note_from_another_process(ServerLine("1", 2))
    assert replaced == [True]
    with pytest.raises(OldPrimary):
        await lines.note(ServerLine("1", 1))
    await lines.note_from_another_process(ServerLine("1", 1))  # another worker has not noticed yet
    with pytest.raises(OldPrimary):
        await lines.note(ServerLine("1", 1))
    await lines.note(ServerLine("2", 1))  # another cluster: a restore
    assert replaced == [True]


async def test_a_lower_timeline_is_taken_when_the_higher_one_was_not_seen_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = ServerLines()
    await lines.note(ServerLine("1", 2))
    monkeypatch.setattr(server_lines, "FORGET_S", 0.0)
    await lines.note(ServerLine("1", 1))


def test_hosts_and_ports_of_a_url() -> None:
    assert hosts_of("postgresql://u:p@a:1,b/d") == [("a", 1), ("b", 5432)]
    assert hosts_of("postgresql:///d?host=/run/x&port=6") == [("/run/x", 6)]
