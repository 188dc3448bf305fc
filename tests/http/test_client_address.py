"""The client's address: a forged X-Forwarded-For does not change it, and an IPv6 address is cut to its /64."""

import asyncio
from unittest.mock import Mock

import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict
from structlog.testing import capture_logs

from reservation.http.app_keys import SETTINGS
from reservation.http.input import client_address as module
from reservation.http.input.client_address import client_address, peer_key
from reservation.settings import Settings

PROXIES = "10.0.0.0/8, 192.0.2.7, fd00::/8"


def address(peer: object, *forwarded: str, proxies: str = PROXIES) -> str:
    app = web.Application()
    app[SETTINGS] = Settings.from_env({"TRUSTED_PROXIES": proxies})
    headers = CIMultiDict([("X-Forwarded-For", value) for value in forwarded])
    transport = Mock(asyncio.Transport)
    transport.get_extra_info.side_effect = {"peername": peer}.get
    return client_address(make_mocked_request("POST", "/auth/login", headers, app=app, transport=transport))


@pytest.mark.parametrize(
    ("peer", "found"),
    [
        ("198.51.100.4", "198.51.100.4"),
        ("::ffff:198.51.100.4", "198.51.100.4"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_without_trusted_proxies_the_address_is_the_peers(peer: str, found: str) -> None:
    assert address((peer, 1234)) == found
    assert address((peer, 1234), "203.0.113.9") == found
    assert address((peer, 1234), proxies="") == found
    assert address((peer, 1234), "203.0.113.9", proxies="") == found


@pytest.mark.parametrize("peer", [None, ""])
def test_a_peer_without_an_address_is_unknown(peer: object) -> None:
    assert address(peer, "203.0.113.9") == "unknown"


def test_a_forwarded_for_without_trusted_proxies_is_warned_about_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "log", structlog.stdlib.get_logger())  # no logger that is bound already
    module._warn_once.cache_clear()
    with capture_logs() as logs:
        address(("10.0.0.1", 1234), "203.0.113.9")
        address(("10.0.0.1", 1234), proxies="")
        assert logs == []
        for _ in range(3):
            address(("10.0.0.1", 1234), "203.0.113.9", proxies="")
    assert [(line["event"], line["log_level"]) for line in logs] == [("forwarded_for_ignored", "warning")]
    assert "TRUSTED_PROXIES" in logs[0]["hint"]
    assert "CONNECTIONS_PER_ADDRESS" in logs[0]["hint"]


@pytest.mark.parametrize(
    ("forwarded", "found"),
    [
        (["203.0.113.9"], "203.0.113.9"),
        (["1.1.1.1, 203.0.113.9"], "203.0.113.9"),
        (["1.1.1.1", "203.0.113.9"], "203.0.113.9"),
        (["203.0.113.9, 192.0.2.7,10.2.3.4"], "203.0.113.9"),
        (["1.1.1.1,203.0.113.9", "fd00::1"], "203.0.113.9"),
        (["203.0.113.9:4711"], "203.0.113.9"),
        (["[2001:db8::1]:4711"], "2001:db8::/64"),
        (["2001:db8::1"], "2001:db8::/64"),
        (["::ffff:203.0.113.9"], "203.0.113.9"),
        (["::ffff:10.0.0.9, ::ffff:10.0.0.8"], "10.0.0.9"),
        (["10.0.0.9, 10.0.0.8"], "10.0.0.9"),
        ([], "10.0.0.1"),
        ([""], "10.0.0.1"),
        (["203.0.113.9, unknown"], "10.0.0.1"),
        (["203.0.113.9, 10.0.0.5, _hidden"], "10.0.0.1"),
        (["203.0.113.9, nonsense, 10.0.0.5"], "10.0.0.5"),
        (["203.0.113.9,"], "10.0.0.1"),
        (["9" * 4000], "10.0.0.1"),
    ],
)
def test_behind_trusted_proxies_the_address_is_the_rightmost_untrusted(forwarded: list[str], found: str) -> None:
    assert address(("10.0.0.1", 1234), *forwarded) == found
    assert address(("10.0.0.1", 1234), *forwarded, proxies="") == "10.0.0.1"


@pytest.mark.parametrize(
    ("peer", "counted"),
    [
        ("198.51.100.4", "198.51.100.4"),
        ("::ffff:198.51.100.4", "198.51.100.4"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("192.0.2.7", ""),
        ("fd00::1", ""),
    ],
)
def test_connections_count_for_their_address_unless_a_trusted_proxy_opened_them(peer: str, counted: str) -> None:
    assert peer_key(peer, Settings.from_env({"TRUSTED_PROXIES": PROXIES}).trusted_proxies) == counted
