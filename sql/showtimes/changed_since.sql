/* showtimes/changed_since
Which of the seat maps in Redis may lack a change that was committed since a moment: one whose seats or prices an
administrator has changed or whose showtime is gone, and the seats of reservations that were confirmed, cancelled or changed,
those that a change gave up included. A showtime that was created after the change is not among them: its map cannot be older.
No row: nothing has changed.
Plan: index scans on showtimes_pkey, auditoriums_pkey, reservations_showtime_id_expires_at_idx, for each live reservation
reservation_changes_pkey, and reservation_changes_showtime_id_idx.
$1 bigint[] showtime_ids: those that have a map
$2 timestamptz since: the moment
Sample: select array_agg(id), now() - interval '1 minute' from (select id from showtimes where starts_at > now() order by
starts_at, id limit 16) as st
*/
with /* showtimes/changed_since */ maps as (
    select asked.id
    from unnest($1::bigint[]) as asked (id)
),

changed as materialized (
    select
        maps.id as showtime_id,
        st.id is null
        or (st.updated_at >= $2 and st.updated_at > st.created_at)
        or coalesce((
            select a.updated_at >= $2 and a.updated_at > st.created_at
            from auditoriums as a
            where a.id = st.auditorium_id
        ), false) as layout_changed,
        array(
            select seat.id
            from reservations as r
            cross join unnest(r.seat_ids) as seat (id)
            where
                r.showtime_id = maps.id
                and (
                    r.confirmed_at >= $2
                    or r.cancelled_at >= $2
                    -- Not EXISTS, for which the planner may read all changes of all reservations.
                    or (r.status in ('held', 'confirmed') and (
                        select max(c.changed_at)
                        from reservation_changes as c
                        where c.reservation_id = r.id
                    ) >= $2)
                )
            union
            select seat.id
            from reservation_changes as c
            cross join unnest(c.seat_ids) as seat (id)
            where c.showtime_id = maps.id and c.changed_at >= $2
        ) as seat_ids
    from maps
    -- One lookup each: a planner that believes the table to be small would read all of it for a join.
    left join
        lateral (
            select
                own.id,
                own.auditorium_id,
                own.created_at,
                own.updated_at
            from showtimes as own
            where own.id = maps.id
            order by own.id
            limit 1
        ) as st
        on true
)

select
    c.showtime_id,
    c.layout_changed,
    c.seat_ids
from changed as c
where c.layout_changed or cardinality(c.seat_ids) > 0;
