/* bulk/lock_moved
Locks showtimes that have another room now against new reservations, whose inserts need their keys. It waits for those on
their way, which the next statement of the transaction then sees, and keeps others waiting until the commit: so it comes
last. A hold begins with the row as it was before this transaction, and comes to the lock by following its updates; when
the lock is gone it goes on only if the row that had it was updated under the lock, for else it would take the old room
to be true. Hence the update. In the order of their ids, as insert_held locks them.
Plan: index scans on showtimes_pkey.
$1 bigint[] showtime_ids: which
Sample: select array_agg(id) from (select id from showtimes order by id limit 16) as st
*/
with /* bulk/lock_moved */ locked as materialized (
    select id
    from showtimes
    where id = any($1)
    order by id
    for update
)

update showtimes
set updated_at = greatest(clock_timestamp(), showtimes.updated_at + interval '1 microsecond')
from locked
where showtimes.id = locked.id;
