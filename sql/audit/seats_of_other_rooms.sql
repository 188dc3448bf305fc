/* audit/seats_of_other_rooms
Finds seats of holds and confirmed reservations that are in another room than the showtime, or that do not exist. No foreign
key excludes that. What has ended keeps its seats as history, also when the showtime gets another room.
Plan: the seats of reservations hash joined to showtimes and seats; each table is read once.
$1 bigint row_limit: the most findings to name; `found` counts all
Sample: select 10::bigint
*/
select /* audit/seats_of_other_rooms */
    format('reservation %s', r.id) as subject,
    case
        when s.id is null then format('has seat %s, which does not exist', r.seat_id)
        else format(
            'has seat %s of auditorium %s, but showtime %s is in auditorium %s',
            s.id, s.auditorium_id, st.id, st.auditorium_id
        )
    end as detail,
    count(*) over () as found
from (
    select
        id,
        showtime_id,
        unnest(seat_ids) as seat_id
    from reservations
    where status = 'confirmed' or (status = 'held' and expires_at > now())
) as r
inner join showtimes as st on r.showtime_id = st.id
left join seats as s on r.seat_id = s.id
where s.auditorium_id is distinct from st.auditorium_id
order by r.id, r.seat_id
limit $1;
