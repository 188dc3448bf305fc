"""The mutants: a piece of text in a file of SQL or Lua, what replaces it, and the tests that must fail then."""

from dataclasses import dataclass

BOOKING, HOLDS, RACES, FAULTS = "tests/booking", "tests/holds", "tests/races", "tests/faults"


@dataclass(frozen=True, slots=True)
class Mutant:
    """What is wrong in it, and how it is made; `tests` are files and folders for pytest."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


def _sql(name: str, file: str, old: str, new: str, *tests: str) -> Mutant:
    return Mutant(name, f"sql/{file}.sql", old, new, tests)


def _lua(name: str, file: str, old: str, new: str, *tests: str) -> Mutant:
    return Mutant(name, f"reservation/holds/lua/{file}.lua", old, new, tests)


CONFIRM, INSERT = "reservations/confirm", "reservations/insert_held"
MUTANTS = [
    _sql(
        "a confirm is not of the user's own reservation",
        CONFIRM,
        "        r.user_id is not distinct from ($2::bigint[])[asked.place]\n",
        "        ($2::bigint[])[asked.place] is not null\n",
        f"{BOOKING}/test_reservations.py",
    ),
    _sql(
        "a confirm does not skip locked reservations",
        CONFIRM,
        "    for no key update of r skip locked",
        "    for no key update of r",
        f"{FAULTS}/test_batches.py",
        f"{RACES}/test_batches.py",
    ),
    _sql(
        "a confirm does not lock its showtime",
        CONFIRM,
        "    order by st.id\n    for key share skip locked\n",
        "    order by st.id\n",
        f"{RACES}/test_batches.py",
        f"{RACES}/test_sold_showtimes.py",
        f"{FAULTS}/test_locked_showtimes.py",
    ),
    _sql(
        "a confirm does not find out which seats are sold",
        CONFIRM,
        "    ) is not null\n),\n\n-- For each reservation",
        "    ) is not null and false\n),\n\n-- For each reservation",
        f"{BOOKING}/test_reservations.py",
    ),
    _sql(
        "a confirm does not count its seats",
        CONFIRM,
        "            ) = (\n                select sum",
        "            ) <= (\n                select sum",
        f"{RACES}/test_booking_races.py",
        f"{RACES}/test_batches.py",
    ),
    _sql(
        "a confirm does not compare the hold's end when it writes",
        CONFIRM,
        "            when r.expires_at > clock_timestamp() and (\n",
        "            when (\n",
        f"{BOOKING}/test_expiry.py",
        f"{BOOKING}/test_late_confirm.py",
        f"{RACES}/test_batches.py",
    ),
    _sql(
        "a confirm does not compare the hold's end when it reads",
        CONFIRM,
        "        case when r.status = 'held' and r.expires_at <= clock_timestamp() then 'expired' else r.status end",
        "        r.status",
        f"{BOOKING}/test_expiry.py",
        f"{BOOKING}/test_late_confirm.py",
    ),
    _sql(
        "a confirm confirms without seats",
        CONFIRM,
        "        l.status = 'held'\n        and cardinality(l.seat_ids) > 0\n",
        "        l.status = 'held'\n",
        f"{BOOKING}/test_reservations.py",
    ),
    _sql(
        "a confirm does not ask for the payment",
        CONFIRM,
        "    where held.amount_due > 0\n",
        "    where held.amount_due < 0\n",
        "tests/payments/test_external.py",
    ),
    _sql(
        "a hold is inserted although its seats are sold",
        INSERT,
        "    ) is not null\n),\n\n-- Only called",
        "    ) is not null and false\n),\n\n-- Only called",
        f"{BOOKING}/test_booking.py",
        f"{RACES}/test_booking_races.py",
    ),
    _sql(
        "a hold is inserted by an old layout",
        INSERT,
        "            and st.layout_version = ($4::bigint[])[asked.place]\n",
        "",
        f"{RACES}/test_booking_races.py",
        "tests/catalog/test_changed_showtimes.py",
    ),
    _sql(
        "a hold is inserted although its sale is over",
        INSERT,
        "        and coalesce(sales_end_at, starts_at) > now()\n        and (on_sale_at",
        "        and (on_sale_at",
        f"{BOOKING}/test_sale_window.py",
    ),
    _sql(
        "a hold is inserted although its sale has not begun",
        INSERT,
        "        and (on_sale_at is null or on_sale_at <= now()) as on_sale",
        "        as on_sale",
        f"{BOOKING}/test_sale_window.py",
    ),
    _sql(
        "a cancel does not lock its reservation",
        "reservations/lock_reservation",
        "is not null\nfor no key update of r;",
        "is not null;",
        f"{RACES}/test_booking_races.py",
        f"{RACES}/test_seat_changes.py",
    ),
    _sql(
        "an extension is of a hold that has ended",
        "reservations/extend",
        "    and r.expires_at > clock_timestamp()\n",
        "",
        f"{BOOKING}/test_extend.py",
    ),
    _sql(
        "an extension is of a hold whose seats are sold",
        "reservations/extend",
        "inner join booked_seats as b on seat.id = b.seat_id and b.showtime_id = r.showtime_id",
        "inner join booked_seats as b on seat.id = b.seat_id and b.showtime_id = r.showtime_id and false",
        f"{BOOKING}/test_extend.py",
    ),
    _sql(
        "an extension goes past the longest life",
        "reservations/extend",
        "r.created_at + $4::bigint * interval '1 second'",
        "r.created_at + $4::bigint * interval '1 day'",
        f"{BOOKING}/test_extend.py",
    ),
    _sql(
        "a hold is undone that was confirmed",
        "reservations/undo_hold",
        "        and r.status = 'held'\n",
        "",
        f"{FAULTS}/test_hold_promises.py",
        f"{BOOKING}/test_extend.py",
    ),
    _sql(
        "a late confirm takes seats that others hold",
        "reservations/find_takers",
        "            and r.id <> $1\n",
        "            and r.id <> $1\n            and false\n",
        f"{BOOKING}/test_late_confirm.py",
        f"{BOOKING}/test_change_seats.py",
        f"{RACES}/test_seat_changes.py",
    ),
    _sql(
        "a cancel after the cutoff frees seats",
        "reservations/free_seats",
        "        and ($3::bigint is null or st.starts_at - $3::bigint * interval '1 second' > clock_timestamp())\n",
        "        and ($3::bigint is null or $3::bigint is not null)\n",
        f"{BOOKING}/test_reservations.py",
    ),
    _sql(
        "a change of seats is taken back although another one followed",
        "reservations/undo_change",
        "            select max(newest.id)\n",
        "            select min(newest.id)\n",
        f"{FAULTS}/test_seat_change_promises.py",
        f"{RACES}/test_seat_changes.py",
    ),
    _sql(
        "an idempotency key is used up after no time",
        "idempotency/claim",
        "interval '24 hours'",
        "interval '0 hours'",
        f"{BOOKING}/test_idempotency.py",
    ),
    _sql(
        "a ticket is checked in again",
        "tickets/check_in",
        "        and t.checked_in_at is null\n",
        "",
        "tests/tickets/test_check_ins.py",
    ),
    _sql(
        "two relays run at once",
        "events/lock_relay",
        "pg_try_advisory_xact_lock(hashtext('reservation.relay'), 0)",
        "pg_try_advisory_xact_lock(hashtext('reservation.relay'), pg_backend_pid())",
        "tests/outbox",
    ),
    _lua(
        "a hold takes seats that others hold",
        "take",
        "  if holders[i] and holders[i] ~= ARGV[1] then answer[#answer + 1] = tonumber(ARGV[i + 2]) end\n",
        "",
        f"{BOOKING}/test_booking.py",
    ),
    _lua(
        "a hold does not raise the version",
        "take",
        "redis.call('HINCRBY', KEYS[1], 'version', 1)",
        "tonumber(map[1])",
        "tests/seatmap/test_seat_map.py",
    ),
    _lua(
        "an extension shortens",
        "extend",
        "for i = 3, #KEYS do ttl_ms = math.max(ttl_ms, redis.call('PTTL', KEYS[i])) end\n",
        "",
        HOLDS,
        f"{BOOKING}/test_extend.py",
    ),
    _lua(
        "an extension takes seats that others hold",
        "extend",
        "  elseif holder ~= ARGV[1] then answer[#answer + 1] = tonumber(ARGV[i]) end\n",
        "  end\n",
        f"{BOOKING}/test_extend.py",
        HOLDS,
    ),
    _lua(
        "a release deletes what others hold",
        "include/release_seats",
        "  if holders[i - 2] == ARGV[1] then\n",
        "  if holders[i - 2] then\n",
        f"{BOOKING}/test_expiry.py",
        HOLDS,
    ),
    _lua(
        "a release does not raise the version",
        "include/release_seats",
        "redis.call('HINCRBY', KEYS[1], 'version', 1)",
        "tonumber(map[1])",
        "tests/seatmap/test_seat_map.py",
    ),
    _lua(
        "a release does not mark what is about to be loaded",
        "include/release_seats",
        "redis.call('SET', KEYS[1] .. ':released:' .. ARGV[1] .. ':' .. ARGV[i], 1, 'PX', 10000)",
        "redis.call('GET', KEYS[1])",
        HOLDS,
        f"{RACES}/test_booking_races.py",
        "tests/seatmap/test_priming.py",
    ),
    _lua(
        "a late undo releases what was taken again",
        "undo_take",
        "if (redis.call('GET', KEYS[1] .. ':kept:' .. ARGV[1]) or '') ~= kept then return end\n",
        "",
        f"{FAULTS}/test_hold_promises.py",
    ),
    _lua(
        "a loading overwrites what is loaded",
        "prime",
        "if redis.call('EXISTS', KEYS[1]) == 1 then return end\n",
        "",
        HOLDS,
        "tests/seatmap/test_priming.py",
    ),
    _lua(
        "a loading needs no ticket",
        "prime",
        "if redis.call('GET', KEYS[1] .. ':priming') ~= ARGV[1] then return end\n",
        "",
        HOLDS,
        f"{FAULTS}/test_hold_promises.py",
    ),
    _lua(
        "a first loading does not ask what Redis has kept",
        "prime_unread",
        "if since ~= ARGV[1] or string.match(since, '^%w*') ~= (redis.call('GET', run) or '') then return end\n",
        "",
        HOLDS,
        f"{BOOKING}/test_first_touch.py",
        f"{FAULTS}/test_hold_promises.py",
    ),
    _lua(
        "a restarted Redis keeps its old maps",
        "detect_restart",
        "-- include forget_showtimes\n",
        "",
        f"{FAULTS}/test_restored_redis.py",
    ),
    _lua(
        "a restored PostgreSQL goes unnoticed",
        "detect_restore",
        "tonumber(ARGV[4]) < tonumber(ARGV[2])",
        "false",
        f"{FAULTS}/test_map_recovery.py",
    ),
    _lua(
        "expired holds do not raise the version",
        "include/drop_expired",
        "redis.call('HINCRBY', KEYS[1], 'version', 1)",
        "tonumber(redis.call('HGET', KEYS[1], 'version'))",
        f"{BOOKING}/test_expiry.py",
    ),
]
