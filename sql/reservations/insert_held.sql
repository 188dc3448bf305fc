/* reservations/insert_held
Writes down a hold that Redis has granted, with its seats at today's prices, unless one of them is booked.
One statement: the showtime's row is locked by key first, so that it cannot be moved to another room meanwhile, then
the seats, so that one which is being deleted is missed here and not by the foreign key.
Answers the reservation, or one row with a null id that says why there is none: the booked seats, or neither (then
the showtime has started, is gone, or has changed its room since the caller looked).
Plan: index scans on showtimes_pkey, seats_pkey and booked_seats_showtime_id_seat_id_key, then the inserts.
$1 uuid reservation_id: UUIDv7, the holder in Redis
$2 bigint user_id: for whom
$3 bigint showtime_id: of which showtime
$4 bigint[] seat_ids: which seats, each once
$5 bigint ttl_ms: what is left of the hold in milliseconds; it ends here when it ends in Redis
*/
with showtime as materialized (
    select
        id,
        auditorium_id,
        base_price,
        starts_at
    from showtimes
    where id = $3
    for key share
),

wanted as materialized (
    select
        s.id as seat_id,
        s.row_label,
        s.seat_number,
        round(st.base_price * s.price_modifier, 2) as price
    from showtime as st
    inner join seats as s on st.auditorium_id = s.auditorium_id
    where s.id = any($4) and st.starts_at > now()
    for key share of s
),

booked as materialized (
    select seat_id
    from booked_seats
    where showtime_id = $3 and seat_id = any($4)
),

made as (
    insert into reservations (id, user_id, showtime_id, total_price, expires_at)
    select
        $1,
        $2,
        $3,
        sum(w.price),
        now() + $5::bigint * interval '1 millisecond'
    from wanted as w
    having count(*) = cardinality($4::bigint[]) and not exists (select 1 from booked)
    returning id, showtime_id, status, total_price, created_at, expires_at
),

placed as (
    insert into reservation_seats (reservation_id, seat_id, price_at_booking)
    select
        m.id,
        w.seat_id,
        w.price
    from made as m
    cross join wanted as w
    order by w.seat_id
)

select
    m.id,
    m.showtime_id,
    m.status,
    m.total_price,
    m.created_at,
    m.expires_at,
    w.seat_ids,
    w.row_labels,
    w.seat_numbers,
    w.prices,
    array(select b.seat_id from booked as b) as booked
from (
    select
        array_agg(seat_id order by char_length(row_label), row_label, seat_number) as seat_ids,
        array_agg(row_label order by char_length(row_label), row_label, seat_number) as row_labels,
        array_agg(seat_number order by char_length(row_label), row_label, seat_number) as seat_numbers,
        array_agg(price order by char_length(row_label), row_label, seat_number) as prices
    from wanted
) as w
left join made as m on true;
