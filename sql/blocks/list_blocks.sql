/* blocks/list_blocks
Returns a page of the blocked seats of a showtime, in the order of the seat map.
Plan: index scan on booked_seats_blocked_idx, which has nothing else, then index scans on seats_pkey; sorted.
$1 bigint showtime_id: the showtime
$2 text after_row: row of the last seat of the page before; empty for the first page
$3 bigint after_number: number of that seat; 0 for the first page
$4 bigint row_limit: the most rows of the page
Sample: select (select id from showtimes where starts_at > now() order by starts_at, id limit 1), '', 0::bigint, 50::bigint
*/
with /* blocks/list_blocks */ blocked as materialized (
    select
        b.seat_id,
        s.row_label,
        s.seat_number,
        b.block_reason as reason
    from booked_seats as b
    inner join seats as s on b.seat_id = s.id
    where b.showtime_id = $1 and b.reservation_id is null
)

select
    seat_id,
    row_label,
    seat_number,
    reason
from blocked
where (char_length(row_label), row_label, seat_number) > (char_length($2::text), $2::text, $3::bigint)
order by char_length(row_label), row_label, seat_number
limit $4;
