/* auditoriums/plans
The seats of rooms in the order of the map, as columns, and the version of the plan that they make. The columns are empty
if that is the version that the caller has, and for a room without seats. No row: no such room.
Plan: index scans on auditoriums_pkey and seats_position_excl, which has the seats in use only.
$1 bigint[] auditorium_ids: which, each once
$2 bigint[] known_versions: for each the version that the caller has; 0 for none
Sample: select array_agg(id), array_agg(0::bigint) from (select id from auditoriums order by id limit 4) as a
*/
with /* auditoriums/plans */ asked as (
    select
        one.id,
        one.known_version
    from unnest($1::bigint[], $2::bigint[]) as one (id, known_version)
)

select
    a.id as auditorium_id,
    a.plan_version,
    plan.seat_ids,
    plan.row_labels,
    plan.seat_numbers,
    plan.seat_types,
    plan.xs,
    plan.ys,
    plan.price_modifiers
from asked
-- One lookup each: for a join, the planner would read all rooms.
cross join
    lateral (
        select
            own.id,
            own.plan_version
        from auditoriums as own
        where own.id = asked.id
        order by own.id
        limit 1
    ) as a
-- Sorted once for all columns; the linter takes the subquery for one that could be a CTE.
cross join
    lateral ( -- noqa: ST05
        select
            coalesce(array_agg(s.id), '{}') as seat_ids,
            coalesce(array_agg(s.row_label), '{}') as row_labels,
            coalesce(array_agg(s.seat_number), '{}') as seat_numbers,
            coalesce(array_agg(s.seat_type), '{}') as seat_types,
            coalesce(array_agg(s.x), '{}') as xs,
            coalesce(array_agg(s.y), '{}') as ys,
            coalesce(array_agg(s.price_modifier::text), '{}') as price_modifiers
        from (
            select
                se.id,
                se.row_label,
                se.seat_number,
                se.seat_type,
                se.x,
                se.y,
                se.price_modifier
            from seats as se
            where se.auditorium_id = a.id and se.retired_at is null and a.plan_version <> asked.known_version
            order by char_length(se.row_label), se.row_label, se.seat_number
        ) as s
    ) as plan;
