/* ops/database_state
Which database this is, for the detection of a restore: an identity that another cluster, a point-in-time recovery (a new
timeline), a dropped and created database or a recreated table changes, and a generation that any restore takes back.
Raises the generation if that was last done more than a second ago; answers it as it was before and as it is then. Also
PostgreSQL's clock, in microseconds.
Plan: index scan on database_generation_pkey, an update of its row.
*/
with /* ops/database_state */ raised as (
    update database_generation
    set
        generation = generation + 1,
        raised_at = clock_timestamp()
    where only_row and raised_at < clock_timestamp() - interval '1 second'
    returning generation
)

select
    concat_ws(
        '/',
        cluster.system_identifier,
        left(pg_walfile_name(pg_current_wal_lsn()), 8),
        d.oid,
        'database_generation'::regclass::oid
    ) as identity,
    coalesce(g.generation, 0) as generation_before,
    coalesce((select r.generation from raised as r), g.generation, 0) as generation,
    (extract(epoch from clock_timestamp()) * 1000000)::bigint as now_us
from pg_control_system() as cluster, pg_database as d
left join database_generation as g on g.only_row
where d.datname = current_database();
