"""JWT_SECRET is changed in two running instances, step by step as the operator's page says: no request is refused."""

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.api import PASSWORD
from tests.conftest import SECRET
from tests.faults.test_rolling_restart import REPLACED, hang_up
from tests.faults.test_serving import Instance, serving

NEW = "another-secret-of-the-tests-that-is-long"
STEPS = (f"{SECRET},{NEW}", f"{NEW},{SECRET}", NEW)
PATIENCE_S = 60


@dataclass(slots=True)
class Customer:
    """Uses all instances in turn, and refreshes the tokens at each."""

    http: aiohttp.ClientSession
    urls: list[str]
    email: str
    rounds: int = 0

    async def call(self, url: str, method: str, path: str, **rest: Any) -> Any:
        async with self.http.request(method, url + path, **rest) as answer:
            text = await answer.text()
            assert answer.ok, f"{method} {path}: {answer.status} {text}"
            return await answer.json()

    async def use(self) -> None:
        """Go on until cancelled; raises if a request is refused."""
        credentials = {"email": self.email, "password": PASSWORD}
        await self.call(self.urls[0], "POST", "/auth/signup", json={"name": "A Person", **credentials})
        tokens = await self.call(self.urls[0], "POST", "/auth/login", json=credentials)
        while True:
            for url in self.urls:
                token = {"refresh_token": tokens["refresh_token"]}
                tokens = await self.call(url, "POST", "/auth/refresh", json=token)
                for each in self.urls:
                    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
                    await self.call(each, "GET", "/auth/me", headers=headers)
            self.rounds += 1


async def two_rounds(customers: list[Customer], using: list[asyncio.Task[None]]) -> None:
    """Wait until each has got new tokens from every instance; raises what a customer raised."""
    wanted = [customer.rounds + 2 for customer in customers]
    async with asyncio.timeout(PATIENCE_S):
        while any(customer.rounds < rounds for customer, rounds in zip(customers, wanted, strict=True)):
            for task in using:
                if task.done():
                    task.result()
            await asyncio.sleep(0.02)


@pytest.mark.long
async def test_a_rotation_in_two_running_instances_refuses_no_request(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    stores: dict[str, Any] = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "ACCESS_LOG": "off"}
    folders = [tmp_path / name for name in ("one", "two")]
    instances: list[Instance] = []
    with ExitStack() as running:
        for folder in folders:
            folder.mkdir()
            (folder / ".env").write_text(f"JWT_SECRET={SECRET}\n")
            starting = serving(folder / "data", "--no-migrate", "--workers", "2", **stores)
            instances.append(running.enter_context(starting))
        urls = [f"http://127.0.0.1:{instance.port}" for instance in instances]
        async with aiohttp.ClientSession() as http:
            customers = [Customer(http, urls, f"customer{number}@example.com") for number in range(3)]
            using = [asyncio.create_task(customer.use()) for customer in customers]
            await two_rounds(customers, using)
            for setting in STEPS:
                for folder, instance in zip(folders, instances, strict=True):
                    (folder / ".env").write_text(f"JWT_SECRET={setting}\n")
                    assert (await asyncio.to_thread(hang_up, instance)).startswith(REPLACED)
                await two_rounds(customers, using)
            for task in using:
                task.cancel()
            outcomes = await asyncio.gather(*using, return_exceptions=True)
    assert [type(each) for each in outcomes] == [asyncio.CancelledError] * len(customers), outcomes
