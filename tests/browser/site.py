"""The running service: its address, and a client of its API."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from aiohttp import ClientSession

from tests.api import Api
from tests.faults.test_serving import Instance


def url_of(site: Instance) -> str:
    """The address that browsers use."""
    return f"http://127.0.0.1:{site.port}"


@asynccontextmanager
async def api_of(site: Instance) -> AsyncIterator[Api]:
    """A client of the service's API on its embedded stores."""
    stores = json.loads((site.data_dir / "servers.json").read_text())
    async with ClientSession(base_url=url_of(site)) as session:
        # What Api uses of a test client, a session has as well.
        yield Api(cast("Any", session), stores["database_url"])
