/* reservations/find_hold
A user's reservation before its hold is extended: its status, the time left, the longest that it may be extended to, and
why it may not be extended if the sale has ended.
Plan: index scans on reservations_pkey and showtimes_pkey.
$1 uuid reservation_id: which
$2 bigint user_id: whose
$3 bigint max_s: the longest life of a hold, in seconds from its beginning
$4 bigint showtime_id: of which showtime
Sample: select r.id, r.user_id, 1800::bigint, r.showtime_id from (select) as one left join (select * from reservations where
status = 'held' order by id desc limit 1) as r on true
*/
select /* reservations/find_hold */
    r.showtime_id,
    case when r.status = 'held' and r.expires_at <= clock_timestamp() then 'expired' else r.status end as status,
    greatest(
        0, ceil(extract(epoch from r.created_at + $3::bigint * interval '1 second' - clock_timestamp()) * 1000)
    )::bigint as longest_ms,
    greatest(0, ceil(extract(epoch from r.expires_at - clock_timestamp()) * 1000))::bigint as left_ms,
    r.seat_ids,
    case
        when coalesce(st.sales_end_at, st.starts_at) > now() then null
        when st.starts_at <= now() then 'showtime_started'
        else 'sales_ended'
    end as sale_refusal
from reservations as r
inner join showtimes as st on r.showtime_id = st.id
where r.id = $1 and r.user_id = $2 and r.showtime_id is not distinct from $4;
