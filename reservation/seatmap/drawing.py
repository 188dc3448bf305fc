"""Seat maps as JSON, plain and compressed, made of chunks of seats.

A map is drawn from an earlier drawing of the same room: a chunk whose seats have the same statuses is copied. In a
compressed map each chunk is compressed by itself, so that it can be copied as well.
"""

import gzip
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import getitem
from struct import pack

import orjson

from .rooms import Room

CHUNK_SEATS = 100  # some 10 KB, or 0.8 KB compressed
LEVEL = 1  # of zlib: level 6 takes three times as long for 12% less
GZIP_HEAD = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"  # RFC 1952: deflate, no flags, no time, unknown system
LAST_BLOCK = b"\x03\0"  # RFC 1951: a final block without data

# What comes before the seats, and after them.
Frame = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A map of a room in which the seats have these statuses; `starts` tells where each chunk starts, and the tail."""

    room: Room
    statuses: bytes
    body: bytes
    starts: tuple[int, ...]


def draw(
    room: Room, statuses: bytes, frame: Frame, before: Drawing | None, encode: Callable[[bytes], bytes] = bytes
) -> Drawing:
    """Draw a map between the parts of the frame; `encode` is for the chunks that are not in the drawing before."""
    head, tail = frame
    pieces: list[bytes | memoryview] = [head]
    starts = [len(head)]
    known = before if before is not None and before.room is room else None
    view = memoryview(b"" if known is None else known.body)
    for number, start in enumerate(range(0, len(statuses), CHUNK_SEATS)):
        end = start + CHUNK_SEATS
        if known is not None and known.statuses[start:end] == statuses[start:end]:
            piece: bytes | memoryview = view[known.starts[number] : known.starts[number + 1]]
        else:
            seats = _seats(room, statuses, start, end)
            piece = encode(seats if end < len(statuses) else seats.removesuffix(b","))
        pieces.append(piece)
        starts.append(starts[-1] + len(piece))
    pieces.append(tail)
    return Drawing(room, statuses, b"".join(pieces), tuple(starts))


def draw_compressed(plain: Drawing, frame: Frame, before: Drawing | None) -> Drawing:
    """Compress a drawing with this frame by gzip (RFC 1952); `before` is a compressed one."""
    head, tail = frame
    check = pack("<II", zlib.crc32(plain.body), len(plain.body) & 0xFFFFFFFF)
    packed = (GZIP_HEAD + _deflate(head), _deflate(tail) + LAST_BLOCK + check)
    return draw(plain.room, plain.statuses, packed, before, _deflate)


def compress(body: bytes) -> bytes:
    """Any body by gzip."""
    return gzip.compress(body, LEVEL, mtime=0)


def seats_at(room: Room, statuses: bytes, places: Iterable[int]) -> bytes:
    """Some seats, separated by commas."""
    ids, tails, modifiers, endings = room.plan.seat_ids, room.plan.shape.tails, room.plan.shape.modifiers, room.endings
    seats = [
        b'{"id":%d%b%b' % (ids[place], tails[place], endings[modifiers[place]][statuses[place]]) for place in places
    ]
    return b"".join(seats).removesuffix(b",")


def changed_places(before: bytes, after: bytes) -> list[int]:
    """The places at which the statuses differ."""
    found: list[int] = []
    for start in range(0, len(after), CHUNK_SEATS):
        end = start + CHUNK_SEATS
        if before[start:end] != after[start:end]:
            both = zip(before[start:end], after[start:end], strict=True)
            found += [place for place, (old, new) in enumerate(both, start) if old != new]
    return found


def _seats(room: Room, statuses: bytes, start: int, end: int) -> bytes:
    """Each with a comma after it."""
    shape, seat_ids = room.plan.shape, room.plan.seat_ids[start:end]
    pieces = [b""] * (3 * len(seat_ids))
    # The ids as text, since to keep it for each room would take more memory than all else of a room.
    pieces[::3] = (b'{"id":' + orjson.dumps(list(seat_ids))[1:-1].replace(b",", b',{"id":')).split(b",")
    pieces[1::3] = shape.tails[start:end]
    endings = map(room.endings.__getitem__, shape.modifiers[start:end])
    pieces[2::3] = map(getitem, endings, statuses[start:end])
    return b"".join(pieces)


def _deflate(data: bytes) -> bytes:
    """Blocks of RFC 1951 that end at a byte, refer to nothing before them, and can be followed by others."""
    compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)
