/* schema/details
What else makes up a schema, each as the command that would make it, in an order in which they can be run: statistics
targets, indexes that no constraint brings along, views, functions, triggers, comments, and what is granted to whom.
What belongs to an extension is left out, and so are the owner's own rights, since they differ between versions.
Plan: the catalogue, which is small.
$1 text schema_name: which schema
Sample: select current_schema()::text
*/
with /* schema/details */ relations as (
    select
        c.oid,
        c.relname,
        c.relkind,
        c.relowner,
        c.relacl,
        quote_ident(c.relname) as quoted
    from pg_class as c
    where
        c.relnamespace = $1::text::regnamespace
        and c.relkind in ('r', 'p', 'v', 'S')
        and c.relname !~ '^_?yoyo_'
        and not exists (
            select
            from pg_depend as d
            where d.objid = c.oid and d.deptype = 'e'
        )
),

indexes as (
    select
        i.indexrelid,
        i.indrelid,
        i.indisvalid,
        x.relname,
        k.oid is null as is_alone,
        h.inhrelid is null as is_local
    from pg_index as i
    inner join relations as r on i.indrelid = r.oid
    inner join pg_class as x on i.indexrelid = x.oid
    left join pg_constraint as k on i.indexrelid = k.conindid and k.contype in ('p', 'u', 'x')
    left join pg_inherits as h on i.indexrelid = h.inhrelid
),

routines as (
    select
        p.oid,
        p.proname,
        p.proowner,
        p.proacl,
        p.oid::regprocedure::text as signature
    from pg_proc as p
    where
        p.pronamespace = $1::text::regnamespace
        and not exists (
            select
            from pg_depend as d
            where d.objid = p.oid and d.deptype = 'e'
        )
),

acls as (
    select
        1 as rank,
        'schema ' || quote_ident(n.nspname) as target,
        n.nspowner as owner,
        n.nspacl as acl
    from pg_namespace as n
    where n.oid = $1::text::regnamespace
    union all
    select
        2 as rank,
        case r.relkind when 'S' then 'sequence ' else 'table ' end || r.quoted as target,
        r.relowner as owner,
        r.relacl as acl
    from relations as r
    union all
    select
        3 as rank,
        'routine ' || f.signature as target,
        f.proowner as owner,
        f.proacl as acl
    from routines as f
),

granted as (
    select
        l.rank,
        l.target,
        a.grantee,
        a.is_grantable,
        string_agg(lower(a.privilege_type), ', ' order by a.privilege_type) as privileges
    from acls as l
    cross join lateral aclexplode(l.acl) as a
    where a.grantee not in (0, l.owner)
    group by l.rank, l.target, a.grantee, a.is_grantable
),

by_default as (
    select
        d.defaclobjtype,
        a.grantee,
        string_agg(lower(a.privilege_type), ', ' order by a.privilege_type) as privileges
    from pg_default_acl as d
    cross join lateral aclexplode(d.defaclacl) as a
    where d.defaclnamespace = $1::text::regnamespace and a.grantee not in (0, d.defaclrole)
    group by d.defaclobjtype, a.grantee
),

commands as (
    select
        1 as rank,
        r.relname || '.' || a.attname as name,
        format('alter table %s alter column %I set statistics %s', r.quoted, a.attname, a.attstattarget) as command
    from relations as r
    inner join pg_attribute as a on r.oid = a.attrelid
    where a.attnum > 0 and not a.attisdropped and a.attstattarget >= 0
    union all
    select
        2 as rank,
        r.relname || '.' || i.relname as name,
        pg_get_indexdef(i.indexrelid, 0, true) || case when i.indisvalid then '' else ' /* not valid */' end as command
    from indexes as i
    inner join relations as r on i.indrelid = r.oid
    where i.is_alone and i.is_local
    union all
    select
        3 as rank,
        v.relname as name,
        format(E'create view %s as\n%s', v.quoted, left(pg_get_viewdef(v.oid, true), -1)) as command
    from relations as v
    where v.relkind = 'v'
    union all
    select
        4 as rank,
        f.signature as name,
        rtrim(pg_get_functiondef(f.oid), E'\n') as command
    from routines as f
    union all
    select
        5 as rank,
        r.relname || '.' || t.tgname as name,
        pg_get_triggerdef(t.oid, true) as command
    from pg_trigger as t
    inner join relations as r on t.tgrelid = r.oid
    where not t.tgisinternal and t.tgparentid = 0
    union all
    select
        6 as rank,
        r.relname || '.' || lpad(d.objsubid::text, 4, '0') as name,
        format(
            'comment on %s is %L',
            case
                when d.objsubid > 0 then format('column %s.%I', r.quoted, a.attname)
                when r.relkind = 'v' then 'view ' || r.quoted
                when r.relkind = 'S' then 'sequence ' || r.quoted
                else 'table ' || r.quoted
            end,
            d.description
        ) as command
    from pg_description as d
    inner join relations as r on d.objoid = r.oid
    left join pg_attribute as a on d.objoid = a.attrelid and d.objsubid = a.attnum
    where d.classoid = 'pg_class'::regclass
    union all
    select
        7 as rank,
        r.relname || '.' || k.conname as name,
        format('comment on constraint %I on %s is %L', k.conname, r.quoted, d.description) as command
    from pg_description as d
    inner join pg_constraint as k on d.objoid = k.oid
    inner join relations as r on k.conrelid = r.oid
    where d.classoid = 'pg_constraint'::regclass
    union all
    select
        7 as rank,
        i.relname as name,
        format('comment on index %I is %L', i.relname, d.description) as command
    from pg_description as d
    inner join indexes as i on d.objoid = i.indexrelid
    where d.classoid = 'pg_class'::regclass
    union all
    select
        7 as rank,
        f.signature as name,
        format('comment on routine %s is %L', f.signature, d.description) as command
    from pg_description as d
    inner join routines as f on d.objoid = f.oid
    where d.classoid = 'pg_proc'::regclass
    union all
    select
        7 + g.rank as rank,
        g.target || g.grantee::regrole::text as name,
        format('grant %s on %s to %s', g.privileges, g.target, g.grantee::regrole)
        || case when g.is_grantable then ' with grant option' else '' end as command
    from granted as g
    union all
    select
        11 as rank,
        b.defaclobjtype::text || b.grantee::regrole::text as name,
        format(
            'alter default privileges in schema %I grant %s on %s to %s',
            $1::text,
            b.privileges,
            case b.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions' else 'types' end,
            b.grantee::regrole
        ) as command
    from by_default as b
)

select command
from commands
order by rank, name collate "C", command collate "C";
