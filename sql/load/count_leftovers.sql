/* load/count_leftovers
Counts what `reservation load reset` is about to delete: the load users' reservations, and the rooms of drills.
Plan: index scans on reservations_user_id_idx, and one pass over auditoriums, which are few.
$1 bigint[] user_ids: the load users
Sample: select array_agg(user_id) from (select user_id from reservations order by id desc limit 16) as r
*/
select /* load/count_leftovers */
    (
        select count(*) from reservations as r
        where r.user_id = any($1::bigint[])
    ) as reservations,
    (
        select count(*) from auditoriums as a
        where a.extra_metadata @> '{"load_drill": true}'
    ) as drills;
