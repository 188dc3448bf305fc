"""A whole drill: stage, customers, release, checks, report."""

import gc
from dataclasses import dataclass
from datetime import UTC, datetime

from ..settings import Settings
from .customers import SPARE_S
from .drill import Drill
from .drill_report import drill_report
from .drill_setup import stage_by_api, stage_by_sql
from .final_audit import audit_run
from .report import Report
from .run import Wiring, check_reachable, open_client, tokens_for

QUEUE_S = 600.0  # a customer who waits for a connection is in the queue, not lost


@dataclass(frozen=True, slots=True)
class Sale:
    """What is on sale and to how many; the administrator is for a target whose stores are not at hand."""

    customers: int
    seats: int
    fewest_seats: int
    most_seats: int
    seed: int
    admin_email: str
    admin_password: str


async def run_drill(wiring: Wiring, sale: Sale, settings: Settings | None) -> Report:
    """Make the stage, let everybody in at once, and check everything; raises LoadError."""
    async with open_client(wiring, queue_timeout_s=QUEUE_S) as client:
        await check_reachable(client)
        tokens = await tokens_for(
            client, settings, users=sale.customers, life_s=QUEUE_S + SPARE_S, file=wiring.tokens_file
        )
        if settings is None:
            show = await stage_by_api(client, seats=sale.seats, email=sale.admin_email, password=sale.admin_password)
        else:
            show = await stage_by_sql(client, settings, seats=sale.seats)
        drill = Drill(client, show, tokens, sale.most_seats, sale.fewest_seats, sale.seed)
        gc.collect()
        gc.freeze()
        started_at = datetime.now(UTC)
        await drill.run()
        gc.unfreeze()
        path = f"/showtimes/{show.id}/seats"
        answer = await client.fetch(client.target.request("GET", path))
        seats = answer.json()["seats"] if answer.status == 200 else ()  # without a map no seat counts as sold
        audited = await audit_run(client, drill.ledger, tokens, settings, seed=sale.seed)
    return drill_report(
        drill,
        settings={
            "url": wiring.target.url,
            "profile": "drill",
            "customers": sale.customers,
            "seats": sale.seats,
            "per_customer": [sale.fewest_seats, sale.most_seats],
            "seed": sale.seed,
            "showtime_id": show.id,
            "connections": wiring.connections,
            "timeout_s": wiring.timeout_s,
            "remote": settings is None,
        },
        statuses=[seat["status"] for seat in seats],
        audit=audited.summary(),
        started_at=started_at,
    )
