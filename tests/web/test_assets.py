"""Scripts, styles and fonts of the pages: as their makers published them, and kept by browsers until they change."""

import hashlib
import re

from reservation.web.assets import FOREVER, STATIC, asset_url
from tests.api import Api

VENDOR = STATIC / "vendor"


def test_what_was_not_written_here_is_as_published() -> None:
    listed = re.findall(r"^([0-9a-f]{64})  (\S+)$", (VENDOR / "VENDORED.md").read_text(), re.MULTILINE)
    found = {
        path.relative_to(VENDOR).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.glob("*/*")
    }
    assert {path: digest for digest, path in listed} == found


async def test_an_asset_is_kept_for_ever_at_the_address_of_its_content_alone(api: Api) -> None:
    address = asset_url("site.css")
    current = await api.client.get(address)
    assert (current.status, current.headers["Cache-Control"]) == (200, FOREVER)
    other = await api.client.get(re.sub("/[0-9a-f]{12}/", "/000000000000/", address))
    assert (other.status, other.headers["Cache-Control"]) == (200, "no-cache")
    assert (await api.client.get("/assets/000000000000/nothing.css")).status == 404


async def test_a_stylesheet_names_its_fonts_at_the_addresses_of_their_content(api: Api) -> None:
    style = await (await api.client.get(asset_url("site.css"))).text()
    fonts = re.findall(r'url\("([^":]+[.]woff2)"\)', style)
    assert fonts
    for font in fonts:
        answer = await api.client.get(font)
        assert (answer.status, answer.headers["Content-Type"]) == (200, "font/woff2")
        assert answer.headers["Cache-Control"] == FOREVER
