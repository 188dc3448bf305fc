/* reservations/revive_hold
Lets an expired hold live for some seconds more, so that reservations/confirm confirms it within the same transaction, as
late. first_expires_at keeps the end that was answered. No row: it is not an expired hold any more, or one of its seats has got
another row or number, which an expired hold does not prevent.
Plan: index scans on reservations_pkey and seats_pkey.
$1 uuid reservation_id: locked by the caller, as its showtime is
$2 bigint ttl_s: seconds from now
Sample: select (select id from reservations where status = 'held' order by id desc limit 1), 60::bigint
*/
update /* reservations/revive_hold */ reservations as r
set
    status = 'held',
    late = true,
    first_expires_at = coalesce(r.first_expires_at, r.expires_at),
    expires_at = clock_timestamp() + $2::bigint * interval '1 second'
where
    r.id = $1
    and (r.status = 'expired' or (r.status = 'held' and r.expires_at <= clock_timestamp()))
    and cardinality(r.seat_ids) = (
        select count(*)
        from unnest(r.seat_ids, r.row_labels, r.seat_numbers) as own (id, row_label, seat_number)
        inner join seats as s on own.id = s.id and own.row_label = s.row_label and own.seat_number = s.seat_number
    )
returning r.id;
