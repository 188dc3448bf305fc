"""docs/operations/point-in-time-recovery.md."""

from pathlib import Path

from reservation.embedded.binaries import valkey_program
from reservation.embedded.valkey import running_valkey
from tests.operations.cluster import Cluster, embedded_programs, primary, running
from tests.operations.conftest import Stop
from tests.operations.recipes import run
from tests.operations.service import check_sales_go_on, environment, kept, restored, sell, sell_more, serving

PAGE = "point-in-time-recovery.md"


async def test_a_point_in_time_is_restored_beside_a_redis_that_knows_more(tmp_path: Path, stop: Stop) -> None:
    programs, log = embedded_programs(), tmp_path / "service.log"
    for folder in ("backup", "archive"):
        (tmp_path / folder).mkdir()
    new = Cluster(tmp_path / "new", programs)
    variables = {
        "PGUSER": "postgres",
        "PGDATA": str(tmp_path / "old"),
        "NEW_DATA": str(new.folder),
        "ARCHIVE": str(tmp_path / "archive"),
        "BASE": str(tmp_path / "base"),
        "BACKUP": str(tmp_path / "backup"),
        "SERVICE_LOG": str(log),
        "DATABASE": "reservation",
    }
    with (
        running_valkey(tmp_path, valkey_program(None), password="of-the-tests") as redis_url,
        primary(tmp_path / "old", programs) as old,
        running(new),
    ):
        before = variables | {"PGPORT": str(old.port)}
        run(PAGE, "Archive WAL", programs, before)
        async with serving(old, redis_url, log) as api:
            sales = await sell(api, 2)
            run(PAGE, "Make a base backup", programs, before)
            sales = await sell_more(api, sales, 2)  # in the archive only
            target = str(old.run("select clock_timestamp()::text"))
            later = await sell_more(api, sales, 2)
            held = await api.hold(later.customer, later.cinema.showtime_id, later.cinema.seat_ids[10:12])
            assert held.status == 201
        stop.begins()
        run(PAGE, "Stop the old server", programs, before)
        after = variables | {"PGPORT": str(new.port), "TARGET_TIME": target}
        run(PAGE, "Restore to a point in time", programs, after)
        assert kept(new, later) == sales.confirmed
        run(PAGE, "Which answered confirms were lost", programs, after)
        lost = (tmp_path / "backup" / "lost.txt").read_text().split()
        assert sorted(lost) == sorted(set(later.confirmed) - set(sales.confirmed))
        async with serving(new, redis_url, log) as api:
            await check_sales_go_on(api, sales, sold=4)
            stop.ends("base backup and WAL archive, restored to a point in time")
            printed = run(PAGE, "Check", programs, after | environment(new.url(), redis_url))
            assert "every invariant holds" in printed
            await restored(log, "database_failed_over")
