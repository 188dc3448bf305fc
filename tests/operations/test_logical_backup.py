"""docs/operations/logical-backup.md."""

from pathlib import Path

from reservation.embedded.binaries import valkey_program
from reservation.embedded.valkey import running_valkey
from tests.operations.cluster import Cluster, embedded_programs, primary, running
from tests.operations.conftest import Stop
from tests.operations.recipes import run
from tests.operations.service import check_sales_go_on, environment, kept, restored, sell, sell_more, serving

PAGE = "logical-backup.md"


async def test_a_dump_is_restored_beside_a_redis_with_newer_data(tmp_path: Path, stop: Stop) -> None:
    programs, backup, log = embedded_programs(), tmp_path / "backup", tmp_path / "service.log"
    backup.mkdir()
    new = Cluster(tmp_path / "new", programs)
    variables = {"PGUSER": "postgres", "DATABASE": "reservation", "BACKUP": str(backup)}
    with (
        running_valkey(tmp_path, valkey_program(None), password="of-the-tests") as redis_url,
        primary(tmp_path / "old", programs) as old,
        running(new),
    ):
        async with serving(old, redis_url, log) as api:
            sales = await sell(api, 3)
            run(PAGE, "Back up", programs, variables | {"PGPORT": str(old.port)})
            later = await sell_more(api, sales, 2)
            held = await api.hold(later.customer, later.cinema.showtime_id, later.cinema.seat_ids[10:12])
            assert held.status == 201
        stop.begins()
        old.stop()
        new.create()
        new.start()
        run(PAGE, "Restore", programs, variables | {"PGPORT": str(new.port)})
        assert kept(new, later) == sales.confirmed
        assert new.run("select count(*) from pg_stats where tablename = 'booked_seats'") != 0
        async with serving(new, redis_url, log) as api:
            await check_sales_go_on(api, sales, sold=3)
            stop.ends("logical backup, restored")
            printed = run(PAGE, "Check", programs, variables | environment(new.url(), redis_url))
            assert "every invariant holds" in printed
            await restored(log)
