"""docs/operations/manual-failover.md."""

from pathlib import Path

from reservation.embedded.binaries import valkey_program
from reservation.embedded.valkey import running_valkey
from tests.operations.cluster import Cluster, embedded_programs, primary, running
from tests.operations.conftest import Stop
from tests.operations.recipes import run
from tests.operations.service import check_sales_go_on, environment, kept, restored, sell, sell_more, serving

PAGE = "manual-failover.md"


async def test_a_promoted_synchronous_standby_has_all_answered_confirms(tmp_path: Path, stop: Stop) -> None:
    programs, log = embedded_programs(), tmp_path / "service.log"
    standby = Cluster(tmp_path / "standby", programs)
    with (
        running_valkey(tmp_path, valkey_program(None), password="of-the-tests") as redis_url,
        primary(tmp_path / "first", programs) as first,
        running(standby),
    ):
        variables = {
            "PGUSER": "postgres",
            "PGPORT": str(first.port),
            "PGDATA": str(first.folder),
            "STANDBY_DATA": str(standby.folder),
            "STANDBY_PORT": str(standby.port),
        }
        async with serving(first, redis_url, log) as api:
            sales = await sell(api, 2)
            run(PAGE, "Make a synchronous standby", programs, variables)
            sales = await sell_more(api, sales, 2)
            stop.begins()
            run(PAGE, "Promote the standby", programs, variables)  # the primary ends as in a crash, under the service
        assert kept(standby, sales) == list(sales.confirmed)
        async with serving(standby, redis_url, log) as api:
            await check_sales_go_on(api, sales, sold=4)
            stop.ends("failover to a synchronous standby")
            run(PAGE, "Make the old primary a standby", programs, variables)
            printed = run(PAGE, "Check", programs, variables | environment(standby.url(), redis_url))
            assert "every invariant holds" in printed
            await restored(log, "database_failed_over")
        assert first.run("select pg_is_in_recovery()") is True
