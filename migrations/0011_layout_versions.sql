-- Versions of what workers cache. plan_version counts the changes of a room's seats, layout_version those of a showtime's
-- seats and prices. Triggers raise them, so that a change by hand is noticed, too. A column with a constant default is
-- added without a rewrite of the table, and the version that is running asks for none of these.

set local lock_timeout = '5s';

-- All the locks of this migration, or none: while it waits for one, no statement waits for another that it has. It waits a
-- fifth of a second each time, which is less than PostgreSQL takes to look for a deadlock.
do $$
begin
    perform set_config('lock_timeout', '200ms', true);
    for attempt in 1..25 loop
        begin
            lock table auditoriums, showtimes, seats in access exclusive mode;
            perform set_config('lock_timeout', '5s', true);
            return;
        exception
            when lock_not_available then
                perform pg_sleep(0.05);
        end;
    end loop;
    raise lock_not_available using message = 'the tables of the catalogue are in use; run the migration again';
end
$$;

alter table auditoriums add column plan_version bigint not null default 1;
alter table showtimes add column layout_version bigint not null default 1;
alter table seats add column retired_at timestamptz;

comment on column auditoriums.plan_version is
'Raised by every change of the room''s seats; in the API, version of a layout and layout_version of statuses.';
comment on column showtimes.layout_version is
'Raised by every change of the showtime''s room, its seats, base_price or ends_at; a hold is written at this version. Not the API''s.';
comment on column seats.retired_at is
'When the seat was removed from its room; null: it is in use. A seat that history refers to is retired, not deleted.';

create function raise_layout_versions()
returns trigger
language plpgsql
as $$
declare
    rooms bigint[] := array(select distinct c.auditorium_id from changed as c order by c.auditorium_id);
begin
    if tg_op = 'UPDATE' then -- a seat may have moved to another room
        rooms := rooms || array(select distinct b.auditorium_id from before as b);
    end if;
    update auditoriums set plan_version = plan_version + 1
    where id = any(rooms);
    -- FOR UPDATE waits for the holds that are being written: they are committed before the change, or see it.
    perform from showtimes
    where auditorium_id = any(rooms) and ends_at > now()
    order by id
    for update;
    update showtimes set layout_version = layout_version + 1
    where auditorium_id = any(rooms) and ends_at > now();
    return null;
end
$$;

comment on function raise_layout_versions is
'Raises plan_version and layout_version after a change of seats; changed: the rows before or after it.';

create trigger seats_inserted after insert on seats
referencing new table as changed
for each statement execute function raise_layout_versions();

create trigger seats_updated after update on seats
referencing old table as before new table as changed
for each statement execute function raise_layout_versions();

create trigger seats_deleted after delete on seats
referencing old table as changed
for each statement execute function raise_layout_versions();

create function raise_layout_version()
returns trigger
language plpgsql
as $$
begin
    new.layout_version := old.layout_version + 1;
    return new;
end
$$;

comment on function raise_layout_version is 'Raises a showtime''s layout_version.';

create trigger showtimes_layout_changed before update of auditorium_id, base_price, ends_at on showtimes
for each row
when (
    old.auditorium_id is distinct from new.auditorium_id
    or old.base_price is distinct from new.base_price
    or old.ends_at is distinct from new.ends_at
)
execute function raise_layout_version();

-- squawk-ignore renaming-object
alter procedure grant_reservation_roles() rename to grant_reservation_roles_0010;
create procedure grant_reservation_roles()
language plpgsql
as $$
begin
    call grant_reservation_roles_0010();
    if exists (select from pg_roles where rolname = 'reservation_app') then
        grant update (retired_at) on seats to reservation_app;
    end if;
end
$$;

comment on procedure grant_reservation_roles is
'Grants reservation_app and reservation_readonly what they need, where they exist; for the owner of the tables or a DBA.';

revoke execute on procedure grant_reservation_roles from public;

call grant_reservation_roles();
