/* audit/reservations_without_seats
Finds reservations without seats, whatever their status.
Plan: reservations anti joined to reservation_seats, hashed or merged on the primary keys; each table is read once.
$1 bigint row_limit: the most findings to name; `found` counts all
Sample: select 10::bigint
*/
select /* audit/reservations_without_seats */
    format('reservation %s', r.id) as subject,
    format('is %s and has no seats', r.status) as detail,
    count(*) over () as found
from reservations as r
where
    not exists (
        select 1 from reservation_seats as rs
        where rs.reservation_id = r.id
    )
order by r.id
limit $1;
