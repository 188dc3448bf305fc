"""Scripts, stylesheets, fonts and pictures.

The hash in an address changes with the content, so that browsers may keep a file for a year.
"""

import asyncio
import re
from functools import cache
from pathlib import Path

from aiohttp import web

from ..http.output.fixed_files import TYPES, Fixed, fixed_body, fixed_file, fixed_response

STATIC = Path(__file__).parent / "static"
ROUTE = "/assets/{hash:[0-9a-f]{12}}/{name:.+}"
FOREVER = "public, max-age=31536000, immutable"
NOT_SERVED = (".md",)
OWN_URL = re.compile(r'url\("([^":]+)"\)')


def asset_url(name: str) -> str:
    """The address of a file of `static`; raises KeyError for one that there is not."""
    return f"/assets/{_assets()[name].tag[:12]}/{name}"


async def serve_asset(request: web.Request) -> web.StreamResponse:
    """A file; the one that is there now, also for the address of an older one."""
    assets, name = await asyncio.to_thread(_assets), request.match_info["name"]
    if name not in assets:
        raise web.HTTPNotFound
    is_current = assets[name].tag.startswith(request.match_info["hash"])
    return fixed_response(
        request, assets[name], TYPES[Path(name).suffix], cache_control=FOREVER if is_current else "no-cache"
    )


@cache
def _assets() -> dict[str, Fixed]:
    """All files, by their paths in `static`; they are read at the first use, which takes some 30 ms."""
    paths = [path for path in sorted(STATIC.rglob("*")) if path.is_file() and path.suffix not in NOT_SERVED]
    files = {path.relative_to(STATIC).as_posix(): fixed_file(path) for path in paths}

    def address(match: re.Match[str]) -> str:
        return f'url("/assets/{files[match[1]].tag[:12]}/{match[1]}")'

    own_styles = [path for path in paths if path.suffix == ".css" and path.parent == STATIC]
    # The files that a stylesheet names have addresses with hashes, too.
    return files | {path.name: fixed_body(OWN_URL.sub(address, path.read_text()).encode()) for path in own_styles}
