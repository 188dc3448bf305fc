/* sold_showtimes/count_cancelled
How many reservations were cancelled with their showtime: in the same transaction, and so at the same time, archived ones
included. It reads all reservations of the showtime, for a repeated request to cancel it.
Plan: index scans on showtimes_pkey, reservations_showtime_id_expires_at_idx and archived_reservations_cancelled_at_idx.
$1 bigint showtime_id: which
Sample: select (select id from showtimes order by id limit 1)
*/
select /* sold_showtimes/count_cancelled */
    (
        select count(*)
        from reservations as r
        -- `is true` keeps the planner from reading an index of all cancelled reservations beside that of the showtime.
        where r.showtime_id = st.id and (r.cancelled_at = st.cancelled_at) is true
    ) + (
        select count(*)
        from archived_reservations as ar
        where ar.showtime_id = st.id and ar.cancelled_at = st.cancelled_at
    ) as found
from showtimes as st
where st.id = $1;
