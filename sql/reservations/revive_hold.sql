/* reservations/revive_hold
Lets an expired hold live for some seconds more, so that reservations/confirm confirms it within the same transaction, as
late. first_expires_at keeps the end that was answered. No row: it is not an expired hold any more, one of its seats has got
another row or number, or the showtime another film, room or time since the customer chose it: an expired hold does not
prevent that.
Plan: index scans on reservations_pkey, seats_pkey, showtimes_pkey and reservation_changes_pkey.
$1 uuid reservation_id: locked by the caller, as its showtime is
$2 bigint ttl_s: seconds from now
$3 bigint showtime_id: of which showtime
Sample: select r.id, 60::bigint, r.showtime_id from (select) as one left join (select * from reservations where status = 'held'
order by id desc limit 1) as r on true
*/
update /* reservations/revive_hold */ reservations as r
set
    status = 'held',
    late = true,
    first_expires_at = coalesce(r.first_expires_at, r.expires_at),
    expires_at = clock_timestamp() + $2::bigint * interval '1 second'
where
    r.id = $1
    and r.showtime_id is not distinct from $3
    and (r.status = 'expired' or (r.status = 'held' and r.expires_at <= clock_timestamp()))
    and cardinality(r.seat_ids) = (
        select count(*)
        from unnest(r.seat_ids, r.row_labels, r.seat_numbers) as own (id, row_label, seat_number)
        inner join seats as s on own.id = s.id and own.row_label = s.row_label and own.seat_number = s.seat_number
    )
    and not exists (
        select
        from showtimes as st
        where
            st.id = r.showtime_id
            and st.changed_at > coalesce(
                (
                    select max(c.changed_at)
                    from reservation_changes as c
                    where c.reservation_id = r.id and c.change = 'exchanged'
                ),
                r.created_at
            )
    )
returning r.id;
