-- The log of all administrative changes. Triggers (0033) write it, in the transaction of the change, for the statements of a
-- transaction that has said who changes what for (change_log/set_author): so no statement can be forgotten, and a change of
-- many rows costs no round trip. All other transactions, those of customers and of the version that is running among them,
-- set nothing, and the triggers' WHEN ends at that. The role of the service may read the table, and no more: the triggers
-- write as its owner.
-- Longest lock: none on a table that was there before.

set local lock_timeout = '5s';

create table change_log (
    id bigint generated always as identity,
    at timestamptz not null default clock_timestamp(),
    user_id bigint default nullif(current_setting('reservation.user_id', true), '')::bigint,
    action text not null default current_setting('reservation.action', true),
    subject text collate "C" not null,
    before jsonb,
    after jsonb,
    request_id text default nullif(current_setting('reservation.request_id', true), ''),
    person_id bigint,
    constraint change_log_pkey primary key (id)
);

create index change_log_at_idx on change_log (at, id);
create index change_log_user_id_idx on change_log (user_id, at, id);
create index change_log_subject_idx on change_log (subject, at, id);
create index change_log_person_id_idx on change_log (person_id, id) where person_id is not null;

comment on table change_log is
'Administrative changes, a row for each thing that a transaction changed; written by triggers.';
comment on column change_log.at is 'When the change was made, by clock_timestamp(); it is committed a little later.';
comment on column change_log.user_id is 'The account that made the change; null: a command of the operator.';
comment on column change_log.action is 'The operation of the API, as operationId in its document, or the command.';
comment on column change_log.subject is 'What was changed: movie/12, showtime/5, user/3.';
comment on column change_log.before is 'Its row before the change, without secrets; null: there was none, or its person was erased.';
comment on column change_log.after is 'Its row after the change; null: it was deleted, or its person was erased.';
comment on column change_log.request_id is 'The X-Request-ID of the request.';
comment on column change_log.person_id is 'The account or guest that the change concerns, if it concerns one.';

create function record_change()
returns trigger
language plpgsql
security definer
-- pg_temp comes last: otherwise a caller's temporary objects would be found before those of pg_catalog.
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
    kind text := tg_argv[0];
    id_column text := tg_argv[1];
    person_column text := nullif(tg_argv[2], '');
    -- The columns that are recorded; or if there are none, all but the hidden ones.
    shown text[] := string_to_array(tg_argv[3], ' ');
    hidden text[] := string_to_array(tg_argv[4], ' ');
    old_row jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
    new_row jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
    whole jsonb := coalesce(new_row, old_row);
    entry_id bigint;
begin
    if shown <> '{}' then
        old_row := (select jsonb_object_agg(c, old_row -> c) from unnest(shown) as c where old_row is not null);
        new_row := (select jsonb_object_agg(c, new_row -> c) from unnest(shown) as c where new_row is not null);
    else
        old_row := old_row - hidden;
        new_row := new_row - hidden;
    end if;
    if old_row is not distinct from new_row then
        return null;
    end if;
    -- One entry for each thing that a transaction changes, however many statements do it. The entries of blocked seats, which
    -- have their showtime's subject and no id, are apart.
    if id_column = 'id' then
        execute format(
            'update %I.change_log set after = $2 where id = ('
            'select c.id from %I.change_log as c where c.subject = $1 and c.at >= now() '
            'and c.xmin = pg_current_xact_id()::xid and coalesce(c.after, c.before) ? ''id'' order by c.at desc limit 1) '
            'returning id',
            tg_table_schema, tg_table_schema
        ) into entry_id using kind || '/' || (whole ->> id_column), new_row;
    end if;
    if entry_id is null then
        execute format(
            'insert into %I.change_log (subject, before, after, person_id) values ($1, $2, $3, $4)', tg_table_schema
        ) using kind || '/' || (whole ->> id_column), old_row, new_row, (whole ->> person_column)::bigint;
    end if;
    return null;
end
$$;

comment on function record_change is
'Records a change of a row in change_log. Arguments: kind of the subject, column of its id, column of the person whom it
concerns, recorded columns (none: all), hidden columns.';

-- A role that may execute the function may use it in a trigger on a temporary table of its own, where it runs as the owner.
revoke execute on function record_change from public;

-- squawk-ignore renaming-object
alter procedure grant_reservation_roles() rename to grant_reservation_roles_0029;
create procedure grant_reservation_roles()
language plpgsql
as $$
begin
    call grant_reservation_roles_0029();
    if exists (select from pg_roles where rolname = 'reservation_app') then
        revoke insert, update on change_log from reservation_app;
        grant select on change_log to reservation_app;
    end if;
    if exists (select from pg_roles where rolname = 'reservation_readonly') then
        grant select on change_log to reservation_readonly;
    end if;
end
$$;

comment on procedure grant_reservation_roles is
'Grants reservation_app and reservation_readonly what they need, where they exist; for the owner of the tables or a DBA.';

revoke execute on procedure grant_reservation_roles from public;

call grant_reservation_roles();
