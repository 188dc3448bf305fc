/* reservations/revive_hold
Lets an expired hold live for some seconds more, so that reservations/confirm confirms it within the same transaction, as
late. first_expires_at keeps the end that was answered. No row: it is not an expired hold any more.
Plan: index scan on reservations_pkey.
$1 uuid reservation_id: locked by the caller
$2 bigint ttl_s: seconds from now
Sample: select (select id from reservations where status = 'held' order by id desc limit 1), 60::bigint
*/
update /* reservations/revive_hold */ reservations
set
    status = 'held',
    late = true,
    first_expires_at = coalesce(first_expires_at, expires_at),
    expires_at = clock_timestamp() + $2::bigint * interval '1 second'
where id = $1 and (status = 'expired' or (status = 'held' and expires_at <= clock_timestamp()))
returning id;
