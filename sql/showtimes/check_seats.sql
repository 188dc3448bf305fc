/* showtimes/check_seats
What a hold has to know before it asks Redis: why the showtime is not on sale, null if it is, and which of the seats are its
room's. No row: no such showtime.
Plan: index scans on showtimes_pkey and seats_pkey.
$1 bigint showtime_id: which
$2 bigint[] seat_ids: wanted
Sample: select st.id, array(select s.id from seats as s where s.auditorium_id = st.auditorium_id order by s.id limit 4)
from (select) as one left join (select id, auditorium_id from showtimes where starts_at > now() order by starts_at, id limit
1) as st on true
*/
select /* showtimes/check_seats */
    case
        when st.status = 'cancelled' then 'showtime_cancelled'
        when coalesce(st.sales_end_at, st.starts_at) <= now() and st.starts_at <= now() then 'showtime_started'
        when coalesce(st.sales_end_at, st.starts_at) <= now() then 'sales_ended'
        when st.on_sale_at > now() then 'not_on_sale'
    end as sale_refusal,
    st.on_sale_at,
    array(
        select s.id
        from seats as s
        where s.id = any($2) and s.auditorium_id = st.auditorium_id and s.retired_at is null
    ) as seat_ids
from showtimes as st
where st.id = $1;
