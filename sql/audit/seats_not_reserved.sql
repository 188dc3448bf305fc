/* audit/seats_not_reserved
Finds booked seats that are not among the seats of their reservation, or are booked for another showtime. No foreign key
excludes that. Blocked seats have no reservation.
Plan: booked_seats hash joined to reservations; each table is read once.
$1 bigint row_limit: the most findings to name; `found` counts all
Sample: select 10::bigint
*/
select /* audit/seats_not_reserved */
    format('reservation %s', b.reservation_id) as subject,
    case
        when not coalesce(b.seat_id = any(r.seat_ids), false)
            then format('owns seat %s of showtime %s without asking for it', b.seat_id, b.showtime_id)
        else format('is for showtime %s but owns seat %s of showtime %s', r.showtime_id, b.seat_id, b.showtime_id)
    end as detail,
    count(*) over () as found
from booked_seats as b
left join reservations as r on b.reservation_id = r.id
where b.reservation_id is not null and not coalesce(b.seat_id = any(r.seat_ids) and r.showtime_id = b.showtime_id, false)
order by b.reservation_id, b.seat_id
limit $1;
