/* reservations/lock_reservation
Locks a user's reservation, the first lock of a confirm or cancel, and reads what a cancel depends on. The status is from
before a wait for the lock unless the row was changed meanwhile, so reservations/confirm checks once more whether the
hold has expired. For the kind of lock see there. It waits up to 300 ms for the lock of another session, as every later
statement of the transaction does.
Plan: index scan on reservations_pkey.
$1 uuid reservation_id: which
$2 bigint user_id: whose
$3 bigint showtime_id: of which showtime
Sample: select r.id, r.user_id, r.showtime_id from (select) as one left join (select * from reservations where status =
'held' order by id desc limit 1) as r on true
*/
with /* reservations/lock_reservation */ lock_limit as materialized (
    select set_config('lock_timeout', '300ms', true) as lock_timeout
)

select
    r.showtime_id,
    case when r.status = 'held' and r.expires_at <= clock_timestamp() then 'expired' else r.status end as status,
    r.seat_ids
from reservations as r
where
    r.id = $1
    and r.user_id = $2
    and r.showtime_id is not distinct from $3
    and (select ll.lock_timeout from lock_limit as ll) is not null
for no key update of r;
