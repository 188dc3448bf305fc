/* tickets/make_tickets
Makes the tickets that a confirmed reservation lacks, under its lock: a seat that is cancelled meanwhile gets none. A seat
gets the ticket of its place among those given. None is made where another session has just made it, or the code is taken:
the caller reads the tickets afterwards. A ticket of another reservation for the seat is cancelled: a version of the service
that knew no tickets has freed the seat. Waits up to 300 ms for the lock.
Plan: reservations_pkey; for each seat tickets_seat_key.
$1 uuid reservation_id: whose
$2 uuid[] ids: new ones, as many as it has seats
$3 text[] codes: of the same number
Sample: select (select id from reservations where status = 'confirmed' order by id desc limit 1), array[gen_random_uuid()],
array['0000000000']
*/
with /* tickets/make_tickets */ lock_limit as materialized (
    select set_config('lock_timeout', '300ms', true) as lock_timeout
),

locked as materialized (
    select
        r.id,
        r.showtime_id,
        r.seat_ids
    from reservations as r
    where r.id = $1 and r.status = 'confirmed' and (select ll.lock_timeout from lock_limit as ll) is not null
    for no key update of r
),

wanted as materialized (
    select
        locked.id as reservation_id,
        locked.showtime_id,
        seat.id as seat_id,
        new.id,
        new.code
    from locked
    cross join unnest(locked.seat_ids) with ordinality as seat (id, place)
    inner join unnest($2::uuid[], $3::text[]) with ordinality as new (id, code, place) on seat.place = new.place
),

stale as (
    update tickets as t
    set cancelled_at = clock_timestamp()
    from wanted as w
    where
        t.showtime_id = w.showtime_id
        and t.seat_id = w.seat_id
        and t.cancelled_at is null
        and t.reservation_id <> w.reservation_id
    returning t.id
)

insert into tickets (id, reservation_id, showtime_id, seat_id, code)
select
    id,
    reservation_id,
    showtime_id,
    seat_id,
    code
from wanted
where (select count(*) from stale) >= 0 -- the insert comes after the update
order by seat_id
on conflict do nothing;
