/* reservations/extend
Extends a live hold of the user, unless one of its seats is sold. Redis is extended before, so that the keys there never
expire before this row, unless this statement is delayed. The result is the time by PostgreSQL's clock, from which the
caller computes when the row ends by its own clock. The new end is not past the longest life of a hold, nor before the
old end. It waits up to 300 ms for the lock of another session.
Plan: index scans on reservations_pkey and booked_seats_showtime_id_seat_id_key.
$1 uuid reservation_id: which
$2 bigint user_id: whose
$3 bigint ttl_ms: from now on, in milliseconds
$4 bigint max_s: the longest life of a hold, in seconds from its beginning
$5 bigint showtime_id: of which showtime
Sample: select r.id, r.user_id, 600000::bigint, 1800::bigint, r.showtime_id from (select) as one left join (select * from
reservations where status = 'held' order by id desc limit 1) as r on true
*/
with /* reservations/extend */ lock_limit as materialized (
    select set_config('lock_timeout', '300ms', true) as lock_timeout
)

update reservations as r
set
    first_expires_at = coalesce(r.first_expires_at, r.expires_at),
    expires_at = greatest(
        r.expires_at,
        least(clock_timestamp() + $3::bigint * interval '1 millisecond', r.created_at + $4::bigint * interval '1 second')
    )
where
    r.id = $1
    and r.user_id = $2
    and r.showtime_id is not distinct from $5
    and (select ll.lock_timeout from lock_limit as ll) is not null
    and r.status = 'held'
    and r.expires_at > clock_timestamp()
    and not exists (
        select
        from unnest(r.seat_ids) as seat (id)
        inner join booked_seats as b on seat.id = b.seat_id and b.showtime_id = r.showtime_id
    )
returning clock_timestamp() as extended_at;
