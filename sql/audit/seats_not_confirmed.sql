/* audit/seats_not_confirmed
Finds booked seats whose reservation is not confirmed: held, cancelled, expired or not there. Blocked seats have none.
Plan: booked_seats hash joined to reservations; each table is read once.
$1 bigint row_limit: the most findings to name; `found` counts all
Sample: select 10::bigint
*/
select /* audit/seats_not_confirmed */
    format('reservation %s', b.reservation_id) as subject,
    format('is %s but owns seat %s of showtime %s', coalesce(r.status, 'gone'), b.seat_id, b.showtime_id) as detail,
    count(*) over () as found
from booked_seats as b
left join reservations as r on b.reservation_id = r.id
where b.reservation_id is not null and r.status is distinct from 'confirmed'
order by b.reservation_id, b.seat_id
limit $1;
