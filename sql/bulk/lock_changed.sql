/* bulk/lock_changed
Locks showtimes whose film, room or time has changed against new reservations, whose inserts take `for key share` locks on them. It
waits for inserts under way, whose rows the next statement of the transaction sees, and later inserts wait until the
commit: so it is the last lock. The update is needed: an insert that waited for a lock on an updated row reads the row
again only if the lock holder has updated it; otherwise it would go on with the old room. All callers lock in the order
of the ids, as insert_held does.
Plan: index scans on showtimes_pkey.
$1 bigint[] showtime_ids: the showtimes
Sample: select array_agg(id) from (select id from showtimes order by id limit 16) as st
*/
with /* bulk/lock_changed */ locked as materialized (
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
