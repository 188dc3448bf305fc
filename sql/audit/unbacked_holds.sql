/* audit/unbacked_holds
Which seats held in Redis have no live hold in PostgreSQL behind them: no reservation of that id, for that showtime and
with that seat, that is held and has not run out. A confirmed one is none: its confirm drops the keys right after its
commit, so whoever asks has to ask twice.
Plan: a function scan of the batch, with nested loops to reservations_showtime_id_expires_at_idx (or reservations_pkey) and
reservation_seats_pkey.
$1 uuid[] reservation_ids: what Redis says; null for what is no UUID
$2 bigint[] showtime_ids: one each
$3 bigint[] seat_ids: likewise
Sample: select array_agg(h.id), array_agg(h.showtime_id), array_agg(rs.seat_id) from (select id, showtime_id from
reservations where status = 'held' order by id desc limit 100) as h inner join reservation_seats as rs on h.id =
rs.reservation_id
*/
select /* audit/unbacked_holds */
    held.position - 1 as place,
    (
        select r.status from reservations as r
        where r.id = held.reservation_id
    ) as status
from
    unnest($1::uuid[], $2::bigint[], $3::bigint[])
    with ordinality as held (reservation_id, showtime_id, seat_id, position)
where
    not exists (
        select 1 from reservations as r
        inner join reservation_seats as rs on r.id = rs.reservation_id
        where
            r.id = held.reservation_id
            and r.showtime_id = held.showtime_id
            and rs.seat_id = held.seat_id
            and r.status = 'held'
            and r.expires_at > now()
    )
order by held.position;
