"""docs/operations/backup.md: Redis needs no backup, since its holds are loaded again from PostgreSQL."""

from pathlib import Path

from reservation.embedded.binaries import valkey_program
from reservation.embedded.valkey import running_valkey
from tests.operations.cluster import embedded_programs, primary
from tests.operations.conftest import Stop
from tests.operations.recipes import run
from tests.operations.service import check_sales_go_on, environment, kept, sell, serving

PAGE = "backup.md"


async def test_a_new_empty_redis_has_all_holds_of_postgresql(tmp_path: Path, stop: Stop) -> None:
    programs, log = embedded_programs(), tmp_path / "service.log"
    folders = [tmp_path / "redis-1", tmp_path / "redis-2"]
    for folder in folders:
        folder.mkdir()
    with primary(tmp_path / "postgresql", programs) as postgresql:
        with running_valkey(folders[0], valkey_program(None), password="of-the-tests") as redis_url:
            async with serving(postgresql, redis_url, log) as api:
                sales = await sell(api, 2)
                seat_ids, showtime_id = sales.cinema.seat_ids, sales.cinema.showtime_id
                held = await api.hold(sales.customer, showtime_id, seat_ids[2:3])
                assert held.status == 201
        stop.begins()
        with running_valkey(folders[1], valkey_program(None), password="of-the-tests") as redis_url:
            async with serving(postgresql, redis_url, log) as api:
                assert (await api.statuses(showtime_id))[seat_ids[2]] == "held"
                other = await api.sign_up()
                assert (await api.hold(other, showtime_id, seat_ids[2:3])).code == "seats_unavailable"
                assert (await api.confirm(sales.customer, held.json["id"])).status == 200
                await check_sales_go_on(api, sales, sold=3)
                stop.ends("Redis is lost")
                printed = run(PAGE, "Check", programs, environment(postgresql.url(), redis_url))
                assert "every invariant holds" in printed
            assert kept(postgresql, sales) == list(sales.confirmed)
