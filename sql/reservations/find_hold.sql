/* reservations/find_hold
A user's reservation before its hold is extended: its status, the time left, and the longest that it may be extended to.
Plan: index scan on reservations_pkey.
$1 uuid reservation_id: which
$2 bigint user_id: whose
$3 bigint max_s: the longest life of a hold, in seconds from its beginning
Sample: select r.id, r.user_id, 1800::bigint from (select) as one left join (select id, user_id from reservations where
status = 'held' order by id desc limit 1) as r on true
*/
select /* reservations/find_hold */
    r.showtime_id,
    case when r.status = 'held' and r.expires_at <= clock_timestamp() then 'expired' else r.status end as status,
    greatest(
        0, ceil(extract(epoch from r.created_at + $3::bigint * interval '1 second' - clock_timestamp()) * 1000)
    )::bigint as longest_ms,
    greatest(0, ceil(extract(epoch from r.expires_at - clock_timestamp()) * 1000))::bigint as left_ms,
    r.seat_ids
from reservations as r
where r.id = $1 and r.user_id = $2;
