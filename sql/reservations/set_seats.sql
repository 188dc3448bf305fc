/* reservations/set_seats
Gives a reservation other seats, and another showtime or the same; reservation_changes keeps what it was,
and the outbox gets an event. Before the statements that free or book seats: the foreign keys lock the showtimes, which come
before booked seats in the order of locks.
Plan: index scan on reservations_pkey.
$1 uuid reservation_id: locked by the caller
$2 text change: cancelled_seats, added_seats or exchanged
$3 text changed_by: customer, cinema or staff
$4 text reason: that of the box office, or null
$5 bigint showtime_id: of which showtime from now on
$6 bigint[] seat_ids: in the order of the seat map, as the next four
$7 text[] row_labels: their labels
$8 integer[] seat_numbers: their numbers
$9 text[] prices: their prices
$10 bigint[] ticket_type_ids: their ticket types; empty if all are of the standard type
$11 bigint showtime_id_before: of which showtime until now
Sample: select r.id, 'cancelled_seats', 'customer', null::text, r.showtime_id, r.seat_ids, r.row_labels, r.seat_numbers, r.prices::text[],
r.ticket_type_ids, r.showtime_id from (select) as one left join (select * from reservations where status = 'held' order by id desc limit
1) as r on true
*/
with /* reservations/set_seats */ recorded as (
    insert into reservation_changes (
        reservation_id, change, changed_by, reason, status, showtime_id,
        total_price, seat_ids, row_labels, seat_numbers, prices, ticket_type_ids, expires_at
    )
    select
        id,
        $2,
        $3,
        $4,
        status,
        showtime_id,
        total_price,
        seat_ids,
        row_labels,
        seat_numbers,
        prices,
        ticket_type_ids,
        expires_at
    from reservations
    where id = $1 and showtime_id is not distinct from $11
    returning id
),

-- After `recorded`, so that the event's time is not before that of the change.
told as (
    insert into outbox (type, reservation_id)
    select
        'reservation.changed',
        $1
    from recorded
)

update reservations as r
set
    showtime_id = $5,
    seat_ids = $6,
    row_labels = $7,
    seat_numbers = $8,
    prices = $9::text[]::numeric(12, 2)[],
    ticket_type_ids = $10,
    total_price = (
        select sum(seat.price)
        from unnest($9::text[]::numeric(12, 2)[]) as seat (price)
    )
where r.id = $1 and r.showtime_id is not distinct from $11
returning
    (select recorded.id from recorded) as change_id,
    ceil(extract(epoch from r.expires_at - clock_timestamp()) * 1000)::bigint as left_ms;
