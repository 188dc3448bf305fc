"""The running service: its address, and a client of its API."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from aiohttp.test_utils import BaseTestServer, TestClient
from aiohttp.web import BaseRunner
from yarl import URL

from tests.api import Api
from tests.faults.test_serving import Instance


def url_of(site: Instance) -> str:
    """The address that browsers use."""
    return f"http://127.0.0.1:{site.port}"


class RunningServer(BaseTestServer):
    """A service that runs in processes of its own, for a TestClient."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._root = URL(url)

    async def start_server(self, *_: Any, **__: Any) -> None:
        """It runs."""

    async def _make_runner(self, **_: Any) -> BaseRunner:
        raise NotImplementedError


@asynccontextmanager
async def api_of(site: Instance) -> AsyncIterator[Api]:
    """A client of the service's API on its embedded stores."""
    stores = json.loads((site.data_dir / "servers.json").read_text())
    client: TestClient[Any, Any] = cast("Any", TestClient)(RunningServer(url_of(site)))
    async with client:
        yield Api(client, stores["database_url"])
