/* tickets/check_in
Checks a ticket in, exactly once: no row if it is checked in or cancelled, is of another showtime, or its seat is not booked
for its reservation. A cancel of its seat updates the same row, so that one of the two comes first and the other finds what
the first has done. It is written to the outbox. The time is not before the ticket was made, and not later than now.
Plan: index scans on tickets_code_key, booked_seats_showtime_id_seat_id_key and seats_pkey.
$1 text code: which
$2 bigint checked_in_by: the account of staff
$3 timestamptz checked_in_at: when an offline scanner has let it in; null for now
$4 bigint showtime_id: of which showtime it has to be; null for any
Sample: select (select code from tickets order by showtime_id desc, seat_id desc limit 1), min(id), null::timestamptz,
null::bigint from users
*/
with /* tickets/check_in */ checked as (
    update tickets as t
    set
        checked_in_at = greatest(least($3, clock_timestamp()), t.created_at),
        checked_in_by = $2
    where
        t.code = $1
        and t.cancelled_at is null
        and t.checked_in_at is null
        and ($4::bigint is null or t.showtime_id = $4)
        and exists (
            select 1
            from booked_seats as b
            where b.showtime_id = t.showtime_id and b.seat_id = t.seat_id and b.reservation_id = t.reservation_id
        )
    returning
        t.id,
        t.reservation_id,
        t.showtime_id,
        t.seat_id,
        t.checked_in_at
)

insert into outbox (type, reservation_id, showtime_id, data)
select
    'ticket.checked_in',
    checked.reservation_id,
    checked.showtime_id,
    jsonb_build_object(
        'ticket',
        jsonb_build_object(
            'id', checked.id,
            'reservation_id', checked.reservation_id,
            'showtime_id', checked.showtime_id,
            'seat', jsonb_build_object('seat_id', s.id, 'row_label', s.row_label, 'seat_number', s.seat_number),
            'checked_in_at', instant_text(checked.checked_in_at)
        )
    )
from checked
inner join seats as s on checked.seat_id = s.id
returning reservation_id;
