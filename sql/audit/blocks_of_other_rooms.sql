/* audit/blocks_of_other_rooms
Finds blocked seats that are in another room than the showtime, or that do not exist. No foreign key excludes that.
Plan: booked_seats_blocked_idx, then showtimes_pkey and seats_pkey.
$1 bigint row_limit: the most findings to name; `found` counts all
Sample: select 10::bigint
*/
select /* audit/blocks_of_other_rooms */
    format('showtime %s, seat %s', b.showtime_id, b.seat_id) as subject,
    case
        when s.id is null then 'is blocked and does not exist'
        else format('is blocked and in auditorium %s, the showtime is in %s', s.auditorium_id, st.auditorium_id)
    end as detail,
    count(*) over () as found
from booked_seats as b
inner join showtimes as st on b.showtime_id = st.id
left join seats as s on b.seat_id = s.id
where b.reservation_id is null and s.auditorium_id is distinct from st.auditorium_id
order by b.showtime_id, b.seat_id
limit $1;
