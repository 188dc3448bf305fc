-- transactional: false
-- Each statement is a transaction of its own.
-- squawk-ignore-file ban-drop-constraint, constraint-missing-not-valid, prefer-robust-stmts
-- Tickets, one a sold seat, made when they are first read; and the scope check_in for API keys of scanners at the door.
-- The version that is running makes none. If it cancels, exchanges or moves a seat whose ticket the new version has made, the
-- ticket's row is not changed: it cannot be checked in, since its seat is not booked for its reservation, and `reservation
-- audit` names it.
-- No foreign keys: reservations move to the archive and their tickets stay, for the figures of the door; `reservation audit`
-- compares them with both. It may be run again from its beginning.
-- Longest lock: access exclusive on api_keys, for a check that is validated afterwards: less than 2 ms.

set lock_timeout = '5s';

create table if not exists tickets (
    id uuid not null,
    reservation_id uuid not null,
    showtime_id bigint not null,
    seat_id bigint not null,
    created_at timestamptz not null default clock_timestamp(),
    cancelled_at timestamptz,
    checked_in_at timestamptz,
    checked_in_by bigint,
    code text collate "C" not null,
    constraint tickets_pkey primary key (id),
    constraint tickets_code_key unique (code),
    constraint tickets_code_check check (char_length(code) = 10),
    constraint tickets_checked_in_check check ((checked_in_at is null) = (checked_in_by is null))
) with (
    fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_insert_threshold = 5000,
    autovacuum_analyze_scale_factor = 0.05
);

create unique index if not exists tickets_seat_key on tickets (showtime_id, seat_id) where cancelled_at is null;

comment on table tickets is 'The tickets that were read or mailed: one a seat of a confirmed reservation. A cancelled one stays.';
comment on column tickets.id is 'UUIDv7, made by the service.';
comment on column tickets.reservation_id is 'In reservations, or in archived_reservations.';
comment on column tickets.showtime_id is 'That of the seat; a ticket never changes it.';
comment on column tickets.seat_id is
'A showtime that moves to another room takes its tickets along: they get the seats of the same rows and numbers.';
comment on column tickets.cancelled_at is 'When its seat was cancelled or exchanged, or its showtime called off; null: it is good.';
comment on column tickets.checked_in_at is
'When it was checked in, by the scanner''s clock if that was offline; never later than by this server''s.';
comment on column tickets.checked_in_by is 'The account of staff, or that of the scanner''s API key.';
comment on column tickets.code is
'For people: 10 characters of Crockford''s base32; good for entry, so readers of the data do not see it.';

alter table api_keys drop constraint if exists api_keys_scopes_check;
alter table api_keys add constraint api_keys_scopes_check check (
    cardinality(scopes) > 0 and scopes <@ array['catalogue', 'booking', 'reports', 'check_in']
) not valid;
alter table api_keys validate constraint api_keys_scopes_check;

comment on column api_keys.scopes is 'What it may be used for: catalogue, booking, reports, check_in.';

create or replace procedure grant_reservation_roles_0045()
language plpgsql
as $$
begin
    if exists (select from pg_roles where rolname = 'reservation_app') then
        revoke update on tickets from reservation_app;
        grant select, insert, delete on tickets to reservation_app;
        grant update (seat_id, cancelled_at, checked_in_at, checked_in_by) on tickets to reservation_app;
    end if;
    if exists (select from pg_roles where rolname = 'reservation_readonly') then
        revoke select on tickets from reservation_readonly;
        grant select (
            id, reservation_id, showtime_id, seat_id, created_at, cancelled_at, checked_in_at, checked_in_by
        ) on tickets to reservation_readonly;
    end if;
end
$$;

comment on procedure grant_reservation_roles_0045 is 'What the roles need for tickets; grant_reservation_roles calls it.';

revoke execute on procedure grant_reservation_roles_0045 from public;

call grant_reservation_roles_0045();
