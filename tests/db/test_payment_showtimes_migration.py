"""Migrations 0060 and 0061: payments and refunds get the showtime of their reservation."""

import shutil
from pathlib import Path

import psycopg

from reservation.db import migrations as schema
from tests.db.test_migrations import FILES
from tests.db.test_seats_migration import CINEMA

HISTORY = """
insert into reservations (id, user_id, showtime_id, status, total_price, expires_at, seat_ids, row_labels,
seat_numbers, prices)
select gen_random_uuid(), 1, 1 + n % 3, 'held', 20, now() + interval '1 minute', '{1}', '{A}', '{1}', '{20}'
from generate_series(1, 1500) as n;
insert into archived_reservations (id, user_id, showtime_id, status, total_price, created_at, expires_at, code,
seat_ids, row_labels, seat_numbers, prices)
select gen_random_uuid(), 1, 4, 'confirmed', 20, now(), now(), new_reservation_code(), '{1}', '{A}', '{1}', '{20}'
from generate_series(1, 1500);
insert into payments (id, reservation_id, number, provider, status, amount, currency, succeeded_at, check_at)
select gen_random_uuid(), r.id, 1, 'stripe', 'succeeded', 20, 'USD', now(), now()
from (select id from reservations union all select id from archived_reservations) as r;
insert into refunds (payment_id, amount, reason) select id, 1, 'overpaid' from payments;
insert into payments (id, reservation_id, number, provider, status, amount, currency, succeeded_at, check_at)
values (gen_random_uuid(), gen_random_uuid(), 1, 'stripe', 'succeeded', 20, 'USD', now(), now());
"""
WRONG = """
select count(*)
from payments as p
left join reservations as r on p.reservation_id = r.id
left join archived_reservations as a on p.reservation_id = a.id
left join refunds as f on p.id = f.payment_id
where p.showtime_id is distinct from coalesce(r.showtime_id, a.showtime_id) or f.showtime_id <> p.showtime_id
"""


def test_payments_and_refunds_get_the_showtime_of_their_reservation(empty_database_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    for path in FILES:
        if path.name < "0060":
            shutil.copy(path, folder)
    schema.apply(empty_database_url, folder=folder)
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute(CINEMA.encode())
        connection.execute(HISTORY.encode())
    for path in FILES:
        if "0060" <= path.name < "0062":
            shutil.copy(path, folder)

    schema.apply(empty_database_url, folder=folder)

    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        assert connection.execute(WRONG.encode()).fetchone() == (0,)
        counted = (
            "select count(showtime_id), count(*) from payments",
            "select count(showtime_id), count(*) from refunds",
        )
        found = [connection.execute(query.encode()).fetchone() for query in counted]
    assert found == [(3000, 3001), (3000, 3000)]  # one payment's reservation does not exist any more
