"""A bare aiohttp server, the fastest that the library does: uvloop, no middleware, no access log, bytes made before.

python bare_aiohttp.py PORT MAP_FILE: /small answers {"ok": true}, /map the bytes of the file.
"""

import asyncio
import sys
from pathlib import Path

import uvloop
from aiohttp import web

SMALL = b'{"ok": true}'


def make_app(seat_map: bytes) -> web.Application:
    """Two handlers that only answer."""

    async def small(_: web.Request) -> web.Response:
        return web.Response(body=SMALL, content_type="application/json")

    async def whole_map(_: web.Request) -> web.Response:
        return web.Response(body=seat_map, content_type="application/json")

    app = web.Application()
    app.add_routes([web.get("/small", small), web.get("/map", whole_map), web.get("/ready", small)])
    return app


def main() -> None:
    """Serve until SIGTERM."""
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    app = make_app(Path(sys.argv[2]).read_bytes())
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), loop=loop, print=None, access_log=None)


if __name__ == "__main__":
    main()
