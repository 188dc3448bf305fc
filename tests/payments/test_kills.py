"""A worker is killed at each request to Stripe, before it or before its answer: nothing is lost or done twice."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
from aiohttp import web

from reservation.embedded import attach
from tests.faults.test_serving import Instance, serving
from tests.payments.stripe_account import StripeAccount
from tests.ports import free_port

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform != "linux", reason="it looks at processes through /proc"),
]
CUSTOMER = {"email": "customer@example.com", "password": "demo-customer-password"}
PATIENCE_S = 300  # on a machine that does a lot else
CREATE, REFUND = "/v1/checkout/sessions", "/v1/refunds"


class Killer:
    """A proxy before Stripe that kills whoever sends a POST to one path, once: before it is passed on, or after."""

    def __init__(self, url: str, instance_of: "asyncio.Future[Instance]", path: str, *, after: bool) -> None:
        self._url, self._path, self._after = url, path, after
        self._instance, self._session = instance_of, aiohttp.ClientSession()
        self.killed = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Pass a request on; kill at the chosen moment."""
        at_it = request.method == "POST" and request.path == self._path and not self.killed.is_set()
        if at_it and not self._after:
            return await self._kill()
        headers = {name: text for name, text in request.headers.items() if name not in ("Host", "Content-Length")}
        async with self._session.request(
            request.method, f"{self._url}{request.path_qs}", headers=headers, data=await request.read()
        ) as got:
            answer = web.Response(body=await got.read(), status=got.status, content_type="application/json")
        return await self._kill() if at_it else answer

    async def _kill(self) -> web.StreamResponse:
        for process in (await self._instance).workers():
            os.kill(process, signal.SIGKILL)
        self.killed.set()
        raise web.HTTPServiceUnavailable

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()


@asynccontextmanager
async def killing(stripe: StripeAccount, folder: Path, path: str, *, after: bool) -> AsyncIterator[tuple[str, Killer]]:
    """A service whose processes are killed at that request, and start again; gives its address."""
    instance_of: asyncio.Future[Instance] = asyncio.get_running_loop().create_future()
    killer, app, port = Killer(stripe.url, instance_of, path, after=after), web.Application(), free_port()
    app.router.add_route("*", "/{path:.*}", killer.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    environment: dict[str, Any] = stripe.settings | {"STRIPE_API_BASE": f"http://127.0.0.1:{port}"}
    with serving(folder, "--demo", background=True, **environment) as instance:
        instance_of.set_result(instance)
        yield f"http://127.0.0.1:{instance.port}", killer
    await runner.cleanup()
    await killer.close()


async def until(session: aiohttp.ClientSession, method: str, url: str, wanted: int) -> Any:
    """Repeat a request until the service answers with this status: it may be starting."""
    while True:
        try:
            async with session.request(method, url) as response:
                if response.status == wanted:
                    return await response.json()
        except aiohttp.ClientError:
            pass
        await asyncio.sleep(0.05)


async def hold_seat(session: aiohttp.ClientSession, base: str) -> str:
    async with session.post(f"{base}/auth/login", json=CUSTOMER) as response:
        session.headers["Authorization"] = f"Bearer {(await response.json())['access_token']}"
    showtime = (await until(session, "GET", f"{base}/showtimes?limit=1&min_seats_left=2", 200))["items"][0]["id"]
    async with session.post(f"{base}/showtimes/{showtime}/holds", json={"quantity": 1}) as response:
        held = await response.json()
    assert response.status == 201, held
    return f"{base}/reservations/{held['id']}"


async def make_due(folder: Path) -> None:
    """Let the jobs look at all payments and refunds now."""
    running = attach(folder)
    assert running is not None
    connection = await asyncpg.connect(running.database_url)
    await connection.execute("update payments set check_at = now() where settled_at is null")
    await connection.execute("update refunds set next_attempt_at = now() where status = 'pending'")
    await connection.close()


@pytest.mark.parametrize("after", [False, True], ids=["before it", "after it"])
async def test_a_worker_killed_while_it_opens_a_payment_opens_one_in_the_end(
    stripe: StripeAccount, data_dir: Path, after: bool
) -> None:
    async with (
        asyncio.timeout(PATIENCE_S),
        killing(stripe, data_dir, CREATE, after=after) as (base, killer),
        aiohttp.ClientSession() as session,
    ):
        address = await hold_seat(session, base)
        with pytest.raises(aiohttp.ClientError):
            await session.post(f"{address}/pay")
        assert killer.killed.is_set()
        paid = await until(session, "POST", f"{address}/pay", 201)
        await stripe.pay(paid["checkout_url"])
        await make_due(data_dir)  # no event is sent: the job asks
        while (await until(session, "GET", address, 200))["status"] != "confirmed":
            await make_due(data_dir)
            await asyncio.sleep(0.2)
        [payment] = (await until(session, "GET", f"{address}/payments", 200))["items"]
        assert (payment["payment_id"], payment["status"]) == (paid["payment_id"], "succeeded")


@pytest.mark.parametrize("after", [False, True], ids=["before it", "after it"])
async def test_a_process_killed_while_it_refunds_has_refunded_once_in_the_end(
    stripe: StripeAccount, data_dir: Path, after: bool
) -> None:
    async with (
        asyncio.timeout(PATIENCE_S),
        killing(stripe, data_dir, REFUND, after=after) as (base, killer),
        aiohttp.ClientSession() as session,
    ):
        address = await hold_seat(session, base)
        paid = await until(session, "POST", f"{address}/pay", 201)
        await stripe.pay(paid["checkout_url"])
        while (await until(session, "GET", address, 200))["status"] != "confirmed":
            await make_due(data_dir)
            await asyncio.sleep(0.2)
        await until(session, "POST", f"{address}/cancel", 200)
        await killer.killed.wait()
        while True:
            [payment] = (await until(session, "GET", f"{address}/payments", 200))["items"]
            if payment["refunds"][0]["status"] == "succeeded":
                break
            await make_due(data_dir)
            await asyncio.sleep(0.2)
        assert len(payment["refunds"]) == 1
        assert len(await stripe.refunds(paid["payment_id"])) == 1
