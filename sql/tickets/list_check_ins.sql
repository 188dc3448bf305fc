/* tickets/list_check_ins
The tickets of a showtime that are checked in, the last first.
Plan: index scan on tickets_seat_key, sorted; for each of the page seats_pkey.
$1 bigint showtime_id: which
$2 timestamptz before: the sort key of the row after which to begin: the time,
$3 uuid before_id: and the ticket
$4 bigint row_limit: most rows
Sample: select (select id from showtimes order by id limit 1), now(), gen_random_uuid(), 51::bigint
*/
with /* tickets/list_check_ins */ page as materialized (
    select
        t.id,
        t.reservation_id,
        t.seat_id,
        t.code,
        t.checked_in_at,
        t.checked_in_by
    from tickets as t
    where
        t.showtime_id = $1
        and t.cancelled_at is null
        and t.checked_in_at is not null
        and (t.checked_in_at, t.id) < ($2, $3)
    order by t.checked_in_at desc, t.id desc
    limit $4
)

select
    page.id as ticket_id,
    page.code,
    page.reservation_id,
    page.seat_id,
    s.row_label,
    s.seat_number,
    page.checked_in_at,
    page.checked_in_by
from page
inner join seats as s on page.seat_id = s.id
order by page.checked_in_at desc, page.id desc;
