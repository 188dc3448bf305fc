-- What a reservation answers with besides its seats: a code for people, the client's reference and metadata, who cancelled it,
-- whether it was confirmed late, and the ticket type of each seat; and the table of ticket types. The version that is
-- running goes on: its rows get a code by the default, and are of the standard type. 0020 gives codes to the rows that are
-- there. All columns are added without a rewrite: `code` has no default while it is added, the others a constant one.
-- Longest lock: access exclusive on reservations, archived_reservations, cinemas, movies and auditoriums, 20 ms, however many
-- reservations there are.

set local lock_timeout = '5s';

create table ticket_types (
    id bigint generated always as identity,
    name text not null,
    price_factor numeric(4, 2),
    fixed_price numeric(8, 2),
    position integer not null default 0,
    active boolean not null default true,
    is_used boolean not null default false,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint ticket_types_pkey primary key (id),
    constraint ticket_types_name_check check (char_length(name) between 1 and 100),
    constraint ticket_types_price_check check (
        (price_factor is null) <> (fixed_price is null) and coalesce(price_factor, fixed_price) >= 0
    ),
    constraint ticket_types_position_check check (position between 0 and 1000000),
    -- A reservation without ticket types is of this one, at the price without a factor.
    constraint ticket_types_standard_check check (id <> 1 or (price_factor is not null and price_factor = 1 and active))
);
create index ticket_types_position_idx on ticket_types (position, id);

insert into ticket_types (name, price_factor) values ('standard', 1);

comment on table ticket_types is 'For whom a ticket is: standard, child, senior. The first one is standard, and always there.';
comment on column ticket_types.price_factor is 'Factor on base_price x price_modifier of a seat; null for one with a fixed_price.';
comment on column ticket_types.fixed_price is 'In place of the base_price of a showtime; null for one with a price_factor.';
comment on column ticket_types.position is 'Lists show lower ones first.';
comment on column ticket_types.active is 'Whether holds may ask for it.';
comment on column ticket_types.is_used is 'Whether a hold has asked for it: then it is not deleted, since reservations show it.';

create table ticket_type_version (
    only_row boolean not null default true,
    version bigint not null default 1,
    constraint ticket_type_version_pkey primary key (only_row),
    constraint ticket_type_version_only_row_check check (only_row)
);
insert into ticket_type_version default values;

comment on table ticket_type_version is
'One row: counts the changes of ticket_types. A hold with ticket types is written at the version whose prices it has.';
comment on column ticket_type_version.only_row is 'Always true, so that there is one row.';

create function raise_ticket_type_version()
returns trigger
language plpgsql
as $$
begin
    update ticket_type_version set version = version + 1;
    return null;
end
$$;

comment on function raise_ticket_type_version is 'Raises ticket_type_version after a change of ticket types.';

-- Not for is_used.
create trigger ticket_types_changed
after insert or delete or update of name, price_factor, fixed_price, position, active on ticket_types
for each statement execute function raise_ticket_type_version();

-- The first six bytes of a random UUID and two later ones: those without its version and variant. Of each, five bits.
create function new_reservation_code()
returns text
language sql
volatile
as $$
    select string_agg(substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', (get_byte(made.bytes, place) & 31) + 1, 1), '')
    from (select uuid_send(gen_random_uuid()) as bytes) as made
    cross join unnest(array[0, 1, 2, 3, 4, 5, 9, 10]) as place
$$;

comment on function new_reservation_code is
'40 random bits as 8 characters of Crockford''s base32. The service makes the codes of its reservations itself.';

-- Workers keep the names of film, room and cinema with a showtime's layout, for the answers to holds and confirms. So a change of a
-- name raises layout_version, too. In the order of the ids, as all who lock showtimes; holds and confirms go on.
create function raise_layout_versions_of_names()
returns trigger
language plpgsql
as $$
declare
    named bigint[];
begin
    if tg_table_name = 'movies' then
        named := array(
            select id from showtimes
            where movie_id = new.id and ends_at > now()
            order by id
            for no key update
        );
    elsif tg_table_name = 'auditoriums' then
        named := array(
            select id from showtimes
            where auditorium_id = new.id and ends_at > now()
            order by id
            for no key update
        );
    else
        named := array(
            select id from showtimes
            where auditorium_id = any(array(select a.id from auditoriums as a where a.cinema_id = new.id)) and ends_at > now()
            order by id
            for no key update
        );
    end if;
    update showtimes set layout_version = layout_version + 1
    where id = any(named);
    return null;
end
$$;

comment on function raise_layout_versions_of_names is
'Raises layout_version of the showtimes that are not over, after a change of a name that answers show with them.';

-- squawk-ignore renaming-object
alter procedure grant_reservation_roles() rename to grant_reservation_roles_0018;
create procedure grant_reservation_roles()
language plpgsql
as $$
begin
    call grant_reservation_roles_0018();
    if exists (select from pg_roles where rolname = 'reservation_app') then
        grant select, insert, update, delete on ticket_types to reservation_app;
        grant select, update on ticket_type_version to reservation_app;
        revoke insert on ticket_type_version from reservation_app;
    end if;
    if exists (select from pg_roles where rolname = 'reservation_readonly') then
        grant select on ticket_types, ticket_type_version to reservation_readonly;
    end if;
end
$$;

comment on procedure grant_reservation_roles is
'Grants reservation_app and reservation_readonly what they need, where they exist; for the owner of the tables or a DBA.';

revoke execute on procedure grant_reservation_roles from public;

call grant_reservation_roles();

-- All the locks on existing tables, or none, as in 0011.
do $$
begin
    perform set_config('lock_timeout', '200ms', true);
    for attempt in 1..25 loop
        begin
            lock table cinemas, movies, auditoriums, reservations, archived_reservations in access exclusive mode;
            perform set_config('lock_timeout', '5s', true);
            return;
        exception
            when lock_not_available then
                perform pg_sleep(0.05);
        end;
    end loop;
    raise lock_not_available using message = 'the tables of reservations are in use; run the migration again';
end
$$;

alter table reservations
add column code text collate "C",
add column reference text,
add column metadata jsonb,
add column cancelled_by text,
add column late boolean not null default false,
add column ticket_type_ids bigint[] not null default '{}';
alter table reservations alter column code set default new_reservation_code();

comment on column reservations.code is 'For people and the box office: 8 characters of Crockford''s base32.';
comment on column reservations.reference is 'The client''s own, given with the hold; up to 100 characters.';
comment on column reservations.metadata is 'The client''s own, given with the hold: a JSON object of up to 1 KiB.';
comment on column reservations.cancelled_by is
'customer, cinema or staff; null: not cancelled, undone by the service, or cancelled before this was recorded.';
comment on column reservations.late is 'Whether it was confirmed after its hold had expired.';
comment on column reservations.ticket_type_ids is 'In the order of seat_ids; empty if all are of the standard type.';

alter table archived_reservations
add column code text collate "C",
add column reference text,
add column metadata jsonb,
add column cancelled_by text,
add column late boolean not null default false,
add column ticket_type_ids bigint[] not null default '{}';
alter table archived_reservations alter column code set default new_reservation_code();

comment on column archived_reservations.code is
'That of the reservation. Not unique: a code may be given again after its reservation was archived.';

create trigger movies_renamed after update of title on movies
for each row
when (old.title is distinct from new.title)
execute function raise_layout_versions_of_names();

create trigger auditoriums_renamed after update of name, cinema_id on auditoriums
for each row
when (old.name is distinct from new.name or old.cinema_id is distinct from new.cinema_id)
execute function raise_layout_versions_of_names();

create trigger cinemas_renamed after update of name, timezone on cinemas
for each row
when (old.name is distinct from new.name or old.timezone is distinct from new.timezone)
execute function raise_layout_versions_of_names();
