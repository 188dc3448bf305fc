/* reservations/extend
Lets a hold live on, which is still alive and its user's; answers whether it was. Redis has been told before, so that it
never lets go of the seats earlier than this row. The new end is not past the longest life of a hold, nor before the old end.
Plan: index scan on reservations_pkey.
$1 uuid reservation_id: which
$2 bigint user_id: whose
$3 bigint ttl_ms: from now on, in milliseconds
$4 bigint most_s: the longest life of a hold, in seconds from its beginning
*/
update reservations
set
    first_expires_at = coalesce(first_expires_at, expires_at),
    expires_at = greatest(
        expires_at,
        least(clock_timestamp() + $3::bigint * interval '1 millisecond', created_at + $4::bigint * interval '1 second')
    )
where
    id = $1
    and user_id = $2
    and status = 'held'
    and expires_at > clock_timestamp()
returning id;
