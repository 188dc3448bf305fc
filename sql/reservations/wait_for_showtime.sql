/* reservations/wait_for_showtime
Waits up to 300 ms for the lock of another session on a showtime, and then keeps it from being deleted or moved until the
end of the transaction. reservations/insert_held and reservations/confirm skip a showtime that is locked: this comes
before them, in their transaction, when one of them has skipped it. In PostgreSQL's queue it gets its turn however often
others lock the row, which trying again would not.
Plan: index scan on showtimes_pkey.
$1 bigint showtime_id: which
Sample: select (select id from showtimes where starts_at > now() order by starts_at, id limit 1)
*/
with /* reservations/wait_for_showtime */ lock_limit as materialized (
    select set_config('lock_timeout', '300ms', true) as lock_timeout
)

select st.id
from showtimes as st
where st.id = $1 and (select ll.lock_timeout from lock_limit as ll) is not null
for key share of st;
