/* audit/reservations_without_seats
Finds reservations without seats, whatever their status.
Plan: one pass over reservations.
$1 bigint row_limit: the most findings to name; `found` counts all
Sample: select 10::bigint
*/
select /* audit/reservations_without_seats */
    format('reservation %s', r.id) as subject,
    format('is %s and has no seats', r.status) as detail,
    count(*) over () as found
from reservations as r
where r.seat_ids = '{}'
order by r.id
limit $1;
