"""The addresses to which events may be sent: public ones, and those that the operator allows.

A URL is data that an administrator enters. Without this check it could make the service send requests to what only the
service reaches: its own ports, the hosts behind the firewall, a cloud's metadata service.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address

GLOBAL_UNICAST = IPv6Network("2000::/3")
MAPPED = IPv6Network("::ffff:0:0/96")
NAT64 = IPv6Network("64:ff9b::/96")
SIX_TO_FOUR = IPv6Network("2002::/16")
# Not public, although ipaddress counts them as global.
REFUSED = (
    IPv4Network("192.0.0.0/24"),  # protocols; at Oracle, the metadata service
    IPv4Network("192.88.99.0/24"),  # relays of 6to4
    IPv4Network("168.63.129.16/32"),  # Azure's service for its virtual machines
    IPv6Network("2001::/23"),  # protocols such as Teredo
    IPv6Network("3fff::/20"),  # documentation
    IPv6Network("5f00::/16"),  # segment routing
)


ONLY_TLS = "Must begin with https://, unless its host is in a network of WEBHOOK_ALLOWED_NETWORKS."


@dataclass(frozen=True, slots=True)
class AllowedNetworks:
    """Which addresses are allowed: public ones, and those of WEBHOOK_ALLOWED_NETWORKS."""

    networks: Sequence[IPv4Network | IPv6Network] = ()

    def lists(self, address: Address) -> bool:
        """Whether the operator has allowed an address, or the IPv4 address that it contains."""
        return any(each in network for each in {address, _unwrapped(address)} for network in self.networks)

    def has(self, address: Address) -> bool:
        """Whether a connection to an address is allowed."""
        return self.lists(address) or is_public(address)

    def why_refused_literal(self, host: str, *, with_tls: bool) -> str | None:
        """Why a URL's host, if it is an address, is refused; None if it is a name or allowed."""
        try:
            address = ip_address(host)
        except ValueError:
            return None
        if not self.has(address):
            return f"{address} is not a public address."
        return None if with_tls or self.lists(address) else ONLY_TLS


def is_public(address: Address) -> bool:
    """Whether an address is one of the public internet."""
    address = _unwrapped(address)
    if isinstance(address, IPv6Address) and address not in GLOBAL_UNICAST:
        return False
    is_refused = any(address in network for network in REFUSED)
    return not is_refused and address.is_global and not address.is_multicast and not address.is_reserved


def _unwrapped(address: Address) -> Address:
    """The IPv4 address to which an IPv6 address leads, or the address itself."""
    if isinstance(address, IPv6Address):
        packed = address.packed
        if address in MAPPED or address in NAT64:
            return IPv4Address(packed[12:])
        if address in SIX_TO_FOUR:
            return IPv4Address(packed[2:6])
    return address
