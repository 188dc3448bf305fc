"""Maps, statuses and layouts by gzip: the same content, with an ETag of its own that revalidates as well."""

import pytest

from reservation.http.output.compression import _prefers_gzip
from tests.api import Api, Cinema
from tests.encodings import GZIP, PLAIN, Raw, send
from tests.live_feed import following


async def get(api: Api, path: str, encoding: str, etag: str | None = None) -> Raw:
    headers = {} if etag is None else {"If-None-Match": etag}
    return await send(api, "GET", path, encoding, headers=headers)


def paths(cinema: Cinema) -> list[str]:
    seats = f"/showtimes/{cinema.showtime_id}/seats"
    return [seats, f"{seats}?fields=status", f"{seats}?since=1", f"/auditoriums/{cinema.auditorium_id}/layout"]


async def test_compressed_answers_equal_plain_ones_after_every_change(api: Api) -> None:
    cinema, customer = await api.cinema(rows=30, seats_per_row=40), await api.sign_up()
    for place in (0, 1, 599, 1199):
        for path in paths(cinema):
            plain, packed, again = [await get(api, path, encoding) for encoding in (PLAIN, GZIP, "br, gzip;q=0.5")]
            assert "Content-Encoding" not in plain.headers
            assert packed.headers["Content-Encoding"] == again.headers["Content-Encoding"] == "gzip"
            assert plain.headers["Vary"] == packed.headers["Vary"] == "Accept-Encoding"
            assert packed.decoded() == plain.body
            assert packed.body == again.body
            assert len(packed.body) < len(plain.body)
            assert packed.etag == again.etag == f'{plain.etag[:-1]}-gzip"'
        assert (await api.hold(customer, cinema.showtime_id, [cinema.seat_ids[place]])).status == 201


async def test_either_etag_revalidates_until_the_map_changes(api: Api) -> None:
    cinema, customer = await api.cinema(rows=30, seats_per_row=40), await api.sign_up()
    known = {path: [(await get(api, path, encoding)).etag for encoding in (PLAIN, GZIP)] for path in paths(cinema)}
    del known[paths(cinema)[2]]  # of the changes since a version
    for path, etags in known.items():
        for etag in etags:
            for encoding in (PLAIN, GZIP):
                for header in (etag, f'"1", {etag}', f"W/{etag}"):
                    answer = await get(api, path, encoding, header)
                    assert (answer.status, answer.body, answer.etag) == (304, b"", etag)
                    assert answer.headers["Vary"] == "Accept-Encoding"
    await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
    for path in paths(cinema)[:2]:
        for etag in known[path]:
            answer = await get(api, path, GZIP, etag)
            assert answer.status == 200
            assert answer.etag not in known[path]


async def test_small_answers_are_sent_plain(api: Api) -> None:
    cinema = await api.cinema(rows=1, seats_per_row=3)
    for path in paths(cinema):
        answer = await get(api, path, GZIP)
        assert "Content-Encoding" not in answer.headers
        assert len(answer.body) < 1024
        assert answer.headers["Vary"] == "Accept-Encoding"


async def test_changes_since_a_version_are_compressed_where_they_are_many(api: Api) -> None:
    cinema, customer = await api.cinema(rows=3, seats_per_row=10), await api.sign_up()
    path = f"/showtimes/{cinema.showtime_id}/seats"
    async with following(api, cinema.showtime_id) as stream:
        await stream.next()
        since = (await get(api, path, PLAIN)).etag.strip('"')
        await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:2])
        few = await get(api, f"{path}?since={since}", GZIP)
        await api.hold(customer, cinema.showtime_id, cinema.seat_ids[10:20])
        many, plain = [await get(api, f"{path}?since={since}", encoding) for encoding in (GZIP, PLAIN)]
    assert "Content-Encoding" not in few.headers
    assert many.headers["Content-Encoding"] == "gzip"
    assert many.decoded() == plain.body
    assert many.etag != plain.etag != few.etag


async def test_head_of_a_compressed_map_has_its_headers(api: Api) -> None:
    cinema = await api.cinema(rows=10, seats_per_row=10)
    path = f"/showtimes/{cinema.showtime_id}/seats"
    packed = await get(api, path, GZIP)
    request = api.client.session.head(api.client.make_url(path), headers={"Accept-Encoding": GZIP})
    async with request as answer:
        assert answer.status == 200
        for name in ("ETag", "Content-Encoding", "Content-Length", "Vary"):
            assert answer.headers[name] == packed.headers[name]


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("gzip", True), ("GZIP", True), ("x-gzip", True), ("*", True), ("gzip, deflate, br, zstd", True),
        ("deflate, gzip;q=1.0, *;q=0.5", True), ("br;q=1, gzip ; q=0.2", True), ("gzip;q=0.001", True),
        ("", False), ("identity", False), ("br", False), ("gzip;q=0", False), ("gzip;q=0.000, *", False),
        ("*;q=0", False), ("gzip;q=0.5, identity", False), ("gzip;q=x", False), ("gzip;level=1", False), (",", False),
    ],
)  # fmt: skip
def test_gzip_is_sent_where_accept_encoding_prefers_it(header: str, wanted: bool) -> None:
    assert _prefers_gzip(header) is wanted
