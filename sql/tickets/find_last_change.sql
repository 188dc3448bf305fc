/* tickets/find_last_change
When the seats of a reservation, or the film, room or time of its showtime changed last; null: never.
Plan: index scans on reservation_changes_pkey and showtimes_pkey.
$1 uuid reservation_id: which
$2 bigint showtime_id: its showtime
Sample: select c.reservation_id, c.showtime_id from (select) as one left join (select reservation_id, showtime_id from
reservation_changes order by reservation_id, id limit 1) as c on true
*/
select /* tickets/find_last_change */
    greatest(
        (
            select max(c.changed_at)
            from reservation_changes as c
            where c.reservation_id = $1
        ),
        (
            select st.changed_at
            from showtimes as st
            where st.id = $2
        )
    ) as changed_at;
