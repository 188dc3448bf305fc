/* reservations/find_showtimes
The showtimes of reservations by their ids alone, archived ones included. The ids of new reservations name their showtime;
this is for those made before, for those that were exchanged for seats of another showtime, and for ids of no reservation. In
one statement, which finds a reservation that is being archived in one of the two tables.
Plan: index scans on reservations_pkey and archived_reservations_pkey.
$1 uuid[] reservation_ids: which, each once
Sample: select array_agg(id) from (select id from reservations order by id desc limit 16) as r
*/
select /* reservations/find_showtimes */
    asked.id,
    coalesce(
        (
            select r.showtime_id
            from reservations as r
            where r.id = asked.id
        ),
        (
            select a.showtime_id
            from archived_reservations as a
            where a.id = asked.id
        )
    ) as showtime_id
from unnest($1::uuid[]) as asked (id);
