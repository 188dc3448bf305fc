-- Indexes that no statement has scanned since the statistics began (pg_stat_database.stats_reset), with the reason for each:
-- drop one with the reason "nothing", if that time covers everything that happens.
with unscanned as (
select
    s.relname as table_name,
    s.indexrelname as index_name,
    pg_relation_size(s.indexrelid) as bytes,
    coalesce(
        (
            select string_agg(
                case c.contype when 'p' then 'primary key' when 'u' then 'unique' else 'exclusion' end, ', '
            )
            from pg_constraint as c
            where c.conindid = s.indexrelid and c.contype in ('p', 'u', 'x')
        ),
        case when i.indisunique then 'unique' end,
        (
            -- A foreign key looks for what refers to a row that is deleted.
            select string_agg('foreign key ' || c.conname, ', ')
            from pg_constraint as c
            where
                c.contype = 'f' and c.conrelid = i.indrelid and i.indpred is null
                and c.conkey <@ (i.indkey::smallint[])[0:cardinality(c.conkey) - 1]
        ),
        'nothing'
    ) as there_for
from pg_stat_user_indexes as s
inner join pg_index as i on s.indexrelid = i.indexrelid
where s.idx_scan = 0 and s.relname not like '%yoyo%'
)

select
    table_name,
    index_name,
    bytes,
    there_for
from unscanned
order by there_for = 'nothing' desc, bytes desc, index_name;
