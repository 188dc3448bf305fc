/* reservations/find_takers
Whether a reservation can get seats of a showtime: the versions of their layout and of the ticket types, whether the showtime
is on sale, which of the seats others have: booked, blocked, or in a live hold, and which are no seats of its room any more.
After a lock on the showtime, so that the version stays, and after a lock for update also what others have.
Plan: index scans on showtimes_pkey, seats_pkey, booked_seats_showtime_id_seat_id_key and reservations_showtime_id_expires_at_idx.
$1 uuid reservation_id: whose own seats do not count
$2 bigint showtime_id: which
$3 bigint[] seat_ids: wanted
Sample: select gen_random_uuid(), st.id, array(select s.id from seats as s where s.auditorium_id = st.auditorium_id order by
s.id limit 4) from (select) as one left join (select id, auditorium_id from showtimes where starts_at > now() order by
starts_at, id limit 1) as st on true
*/
select /* reservations/find_takers */
    st.layout_version,
    (
        select v.version
        from ticket_type_version as v
        where v.only_row
    ) as ticket_version,
    st.status = 'scheduled'
    and coalesce(st.sales_end_at, st.starts_at) > clock_timestamp()
    and (st.on_sale_at is null or st.on_sale_at <= clock_timestamp()) as on_sale,
    array(
        select wanted.id
        from unnest($3::bigint[]) as wanted (id)
        where (
            select b.seat_id
            from booked_seats as b
            where b.showtime_id = st.id and b.seat_id = wanted.id and b.reservation_id is distinct from $1
        ) is not null
    ) as booked,
    array(
        select wanted.id
        from unnest($3::bigint[]) as wanted (id)
        where (
            select b.reservation_id is null
            from booked_seats as b
            where b.showtime_id = st.id and b.seat_id = wanted.id
        )
    ) as blocked,
    array(
        select distinct seat.id
        from reservations as r
        cross join unnest(r.seat_ids) as seat (id)
        where
            r.showtime_id = st.id
            and r.expires_at > now()
            and r.status = 'held'
            and r.id <> $1
            and seat.id = any($3)
    ) as held,
    array(
        select wanted.id
        from unnest($3::bigint[]) as wanted (id)
        where
            not exists (
                select 1
                from seats as s
                where s.id = wanted.id and s.auditorium_id = st.auditorium_id and s.retired_at is null
            )
    ) as missing
from showtimes as st
where st.id = $2;
