"""The client of webhooks: what it connects to, what it does not follow, and how much it reads."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path

import pytest
from aiohttp import ThreadedResolver, web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import TestServer
from standardwebhooks import WebhookVerificationError

from reservation.webhooks import client as module
from reservation.webhooks.addresses import AllowedNetworks
from reservation.webhooks.client import MOST_ANSWER_BYTES, NOT_ALLOWED, WebhookClient
from reservation.webhooks.signatures import new_secret, signed_headers
from tests.faults.certificates import make_certificates
from tests.webhooks.receiver import LOOPBACK, Receiver, receiving


@asynccontextmanager
async def sending(
    allowed: AllowedNetworks, resolver: Callable[[], AbstractResolver] = ThreadedResolver
) -> AsyncIterator[WebhookClient]:
    """A client, closed at the end."""
    client = WebhookClient(allowed, resolver)
    yield client
    await client.close()


BODY = '{"type":"webhook.test"}'
ALLOWED = AllowedNetworks((ip_network(LOOPBACK),))


class Resolver(AbstractResolver):
    """Resolves each name to the next of the addresses, as a host with a changing DNS record."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = list(addresses)
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        address = self._addresses[min(len(self.asked), len(self._addresses) - 1)]
        self.asked.append(host)
        kind = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as running:
        yield running


async def test_a_delivery_arrives_whole_and_is_verified_with_its_secret(receiver: Receiver) -> None:
    secret = new_secret()
    headers = signed_headers([secret], message_id="m1", body=BODY)
    async with sending(ALLOWED) as client:
        reply = await client.post(receiver.url, BODY, headers)
    assert (reply.status, reply.error, reply.is_accepted) == (204, None, True)
    [received] = receiver.received
    assert received.verified(secret) == {"type": "webhook.test"}
    assert (received.id, received.headers["content-type"]) == ("m1", "application/json")


async def test_a_signature_by_each_secret_is_sent(receiver: Receiver) -> None:
    old, new, other = new_secret(), new_secret(), new_secret()
    async with sending(ALLOWED) as client:
        await client.post(receiver.url, BODY, signed_headers([new, old], message_id="m1", body=BODY))
    [received] = receiver.received
    assert received.verified(old) == received.verified(new)
    with pytest.raises(WebhookVerificationError):
        received.verified(other)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    async with receiving() as target, receiving() as receiver, sending(ALLOWED) as client:
        receiver.headers["Location"] = target.url
        receiver.answers.append(status)
        reply = await client.post(receiver.url, BODY, {})
        assert (reply.status, reply.is_accepted, reply.error) == (status, False, f"HTTP status {status}")
        assert target.received == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.0.0.1", "[::ffff:127.0.0.1]"])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_the_service_itself_is_not_reached(receiver: Receiver, scheme: str, host: str) -> None:
    port = receiver.url.rpartition(":")[2]
    async with sending(AllowedNetworks()) as client:
        reply = await client.post(f"{scheme}://{host}:{port}", BODY, {})
    assert reply.status is None
    assert reply.error is not None
    # aiohttp takes only the usual form of an IPv4 address.
    assert reply.error.endswith(("in WEBHOOK_ALLOWED_NETWORKS.", "with http://.", "The URL is not valid.")), reply.error
    assert receiver.received == []


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "10.0.0.7", "::ffff:127.0.0.1", "fd00:ec2::254"])
async def test_a_name_that_resolves_to_a_private_address_is_refused(address: str) -> None:
    async with sending(AllowedNetworks(), lambda: Resolver(address)) as client:
        reply = await client.post("https://receiver.example/", BODY, {})
    assert reply.error == f"{address} is not a public address, and not in WEBHOOK_ALLOWED_NETWORKS."


async def test_a_name_that_resolves_to_another_address_later_is_checked_again(receiver: Receiver) -> None:
    """DNS rebinding: the address of the second connection is not the one that was checked at the first."""
    resolver = Resolver("127.0.0.1", "127.0.0.2")
    port = receiver.url.rpartition(":")[2]
    only = AllowedNetworks((ip_network("127.0.0.1/32"),))
    async with sending(only, lambda: resolver) as client:
        first = await client.post(f"http://receiver.example:{port}", BODY, {"Connection": "close"})
        second = await client.post(f"http://receiver.example:{port}", BODY, {})
    assert first.is_accepted
    assert second.error == NOT_ALLOWED.format(host="127.0.0.2")
    assert len(resolver.asked) == 2
    assert len(receiver.received) == 1


async def test_without_tls_a_public_address_is_refused() -> None:
    async with sending(ALLOWED, lambda: Resolver("93.184.215.14")) as client:
        reply = await client.post("http://receiver.example/", BODY, {})
    assert reply.error == NOT_ALLOWED.format(host="93.184.215.14")


async def test_an_answer_without_end_is_read_in_part() -> None:
    """The receiver writes until its connection is closed."""
    closed = asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * MOST_ANSWER_BYTES)
        finally:
            closed.set()

    app = web.Application()
    app.router.add_post("/", endless)
    server = TestServer(app)
    await server.start_server()
    async with sending(ALLOWED) as client:
        reply = await client.post(str(server.make_url("/")), BODY, {})
        assert (reply.status, reply.is_accepted) == (200, True)
        await closed.wait()
    await server.close()


async def test_a_receiver_that_does_not_answer_is_given_up(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TOTAL_S", 0.05)
    receiver.go_on = asyncio.Event()
    async with sending(ALLOWED) as client:
        reply = await client.post(receiver.url, BODY, {})
    assert (reply.status, reply.error) == (None, "No answer within 0 s.")


async def test_a_receiver_that_is_not_there_is_an_error_in_the_reply() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        async with sending(ALLOWED) as client:
            reply = await client.post(f"http://127.0.0.1:{port}/", BODY, {})
    assert (reply.status, reply.error) == (None, "No connection: Connection refused.")


def _answering(answer: bytes) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """What answers a delivery with these bytes, and leaves."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(BODY.encode())
        writer.write(answer)
        writer.close()
        await writer.wait_closed()

    return serve


async def test_what_failed_is_told_in_words(receiver: Receiver, tmp_path: Path) -> None:
    """Without names of classes, numbers of errors and addresses of objects."""
    server = TestServer(web.Application())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*make_certificates(tmp_path, "client").pair("server"))
    await server.start_server(ssl=context)
    leaving, babbling = [
        await asyncio.start_server(_answering(each), "127.0.0.1", 0) for each in (b"", b"hello\r\n\r\n")
    ]
    ports = [each.sockets[0].getsockname()[1] for each in (leaving, babbling)]
    said = {}
    async with sending(ALLOWED) as client, leaving, babbling:
        for name, url in (
            ("certificate", f"https://127.0.0.1:{server.port}/"),
            ("no TLS", receiver.url.replace("http:", "https:")),
            ("no name", "https://receiver.invalid/"),
            ("left", f"http://127.0.0.1:{ports[0]}/"),
            ("no HTTP", f"http://127.0.0.1:{ports[1]}/"),
        ):
            said[name] = (await client.post(url, BODY, {})).error or ""
    await server.close()
    begins = {
        "certificate": "The certificate is not accepted: ",
        "no TLS": "TLS failed: ",
        "no name": "The host name cannot be resolved: ",
        "left": "The connection was closed without an answer.",
        "no HTTP": "The answer is not valid HTTP.",
    }
    assert {name: text for name, text in said.items() if not text.startswith(begins[name])} == {}
    assert not [text for text in said.values() if "Errno" in text or "Error" in text]
