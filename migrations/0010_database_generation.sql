-- A counter that a restore takes back. The workers raise it while they run and keep its value in Redis, too: when
-- PostgreSQL's value is lower than Redis's, PostgreSQL was restored, and what Redis knows of showtimes is out of date.
-- A new table that nothing older asks for, so it can be made beside the version that is running.

set local lock_timeout = '5s';

create table database_generation (
    only_row boolean not null default true,
    generation bigint not null default 1,
    raised_at timestamptz not null default now(),
    constraint database_generation_pkey primary key (only_row),
    constraint database_generation_only_row_check check (only_row),
    constraint database_generation_generation_check check (generation > 0)
);
insert into database_generation default values;

comment on table database_generation is 'One row: a counter that a restore of the database takes back.';
comment on column database_generation.only_row is 'Always true, so that there is one row.';
comment on column database_generation.generation is 'Raised by the workers while they run, at most once a second.';
comment on column database_generation.raised_at is 'When it was raised last.';

-- What 0007 granted to the roles, for a DBA who creates them after this migration, and the new table.
-- squawk-ignore renaming-object
alter procedure grant_reservation_roles() rename to grant_reservation_roles_0007;
create procedure grant_reservation_roles()
language plpgsql
as $$
begin
    call grant_reservation_roles_0007();
    if exists (select from pg_roles where rolname = 'reservation_app') then
        grant select, update on database_generation to reservation_app;
        revoke insert on database_generation from reservation_app;
    end if;
    if exists (select from pg_roles where rolname = 'reservation_readonly') then
        grant select on database_generation to reservation_readonly;
    end if;
end
$$;

comment on procedure grant_reservation_roles is
'Grants reservation_app and reservation_readonly what they need, where they exist; for the owner of the tables or a DBA.';

revoke execute on procedure grant_reservation_roles from public;

call grant_reservation_roles();
