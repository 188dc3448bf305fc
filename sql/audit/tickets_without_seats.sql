/* audit/tickets_without_seats
Finds tickets that are not cancelled and whose seat their reservation does not own: in booked_seats, or as a confirmed
reservation in the archive. No foreign key excludes that.
Plan: tickets in a hash anti join with booked_seats; archived_reservations_pkey for what is left.
$1 bigint row_limit: the most findings to name; `found` counts all
Sample: select 10::bigint
*/
select /* audit/tickets_without_seats */
    format('ticket %s', t.id) as subject,
    format(
        'is good for seat %s of showtime %s, which reservation %s does not own', t.seat_id, t.showtime_id, t.reservation_id
    ) as detail,
    count(*) over () as found
from tickets as t
left join archived_reservations as a on t.reservation_id = a.id
where
    t.cancelled_at is null
    and not exists (
        select 1
        from booked_seats as b
        where b.showtime_id = t.showtime_id and b.seat_id = t.seat_id and b.reservation_id = t.reservation_id
    )
    and not coalesce(a.status = 'confirmed' and a.showtime_id = t.showtime_id and t.seat_id = any(a.seat_ids), false)
order by t.id
limit $1;
