/* showtimes/with_archived
Those of the showtimes that have archived reservations, whose seats no hold and no confirm knows to be sold. It is final for
those that the caller has locked, which the archive passes over.
Plan: for each showtime an index only scan on archived_reservations_showtime_id_idx, stopped at the first.
$1 bigint[] showtime_ids: which
Sample: select array_agg(id) from (select id from showtimes order by id limit 16) as st
*/
select /* showtimes/with_archived */ asked.id
from unnest($1::bigint[]) as asked (id)
where
    exists (
        select 1
        from archived_reservations
        where archived_reservations.showtime_id = asked.id
    );
