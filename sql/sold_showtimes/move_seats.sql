/* sold_showtimes/move_seats
Gives the booked seats of a showtime, blocked ones included, its tickets, and the seats of its reservations the ids of the
seats with the same rows and numbers in another room; so tickets stay good. The caller knows from find_missing_seats that there
are such; reservations_seats_check refuses a reservation of which one is missing.
Plan: the seats of the two rooms hash joined; index scans on booked_seats_showtime_id_seat_id_key, tickets_seat_key
and reservations_pkey.
$1 bigint showtime_id: locked by the caller, as its live reservations are
$2 bigint old_auditorium_id: its room before
$3 bigint new_auditorium_id: its room from now on
$4 uuid[] reservation_ids: those of lock_reservations
Sample: select st.id, st.auditorium_id, st.auditorium_id, array(select r.id from reservations as r where r.showtime_id = st.id
and r.status in ('held', 'confirmed') order by r.id limit 16) from (select) as one left join (select id, auditorium_id from
showtimes where starts_at > now() order by starts_at, id limit 1) as st on true
*/
with /* sold_showtimes/move_seats */ pair as materialized (
    select
        s.id as old_id,
        other.id as new_id
    from seats as s
    inner join seats as other
        on
            char_length(s.row_label) = char_length(other.row_label)
            and s.row_label = other.row_label
            and s.seat_number = other.seat_number
    where s.auditorium_id = $2 and other.auditorium_id = $3 and other.retired_at is null
),

-- The service may not update booked_seats.
left_seats as (
    delete from booked_seats as b
    using pair
    where b.showtime_id = $1 and b.seat_id = pair.old_id
    returning pair.new_id, b.reservation_id, b.block_reason
),

booked as (
    insert into booked_seats (showtime_id, seat_id, reservation_id, block_reason)
    select
        $1,
        new_id,
        reservation_id,
        block_reason
    from left_seats
    order by new_id
),

moved_tickets as (
    update tickets as t
    set seat_id = pair.new_id
    from pair
    where t.showtime_id = $1 and t.seat_id = pair.old_id and t.cancelled_at is null
),

moved as materialized (
    select
        r.id,
        array_agg(pair.new_id order by own.place) as seat_ids
    from reservations as r
    cross join lateral unnest(r.seat_ids) with ordinality as own (id, place)
    inner join pair on own.id = pair.old_id
    where r.id = any($4)
    group by r.id
)

update reservations as r
set seat_ids = moved.seat_ids
from moved
where r.id = moved.id;
