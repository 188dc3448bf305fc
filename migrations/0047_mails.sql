-- transactional: false
-- Each statement is a transaction of its own.
-- squawk-ignore-file ban-concurrent-index-creation-in-transaction, ban-drop-constraint, constraint-missing-not-valid
-- What mails need: the language of a person, the showtimes whose customers were reminded, and indexes by which the erasure of a
-- person finds the mails that wait. The version that is running signs people up without a language, and mails none of these.
-- The migration may be run again from its beginning.
-- Longest lock: access exclusive on users, for a column without values and a check that is validated afterwards, beside all
-- other sessions: less than 2 ms; share row exclusive on showtimes, for the foreign key of an empty table: less than 2 ms.

set lock_timeout = '5s';

alter table users
add column if not exists language text,
drop constraint if exists users_language_check,
add constraint users_language_check check (char_length(language) between 2 and 35) not valid;

alter table users validate constraint users_language_check;

comment on column users.language is
'Of the browser or client that signed the person up, as a tag such as de-AT: mails have it. Null: not known.';

create table if not exists reminded_showtimes (
    showtime_id bigint not null,
    starts_at timestamptz not null,
    constraint reminded_showtimes_pkey primary key (showtime_id),
    constraint reminded_showtimes_showtime_id_fkey foreign key (showtime_id) references showtimes (id) on delete cascade
);

comment on table reminded_showtimes is 'Showtimes whose customers were reminded by mail; a job writes it together with the mails.';
comment on column reminded_showtimes.starts_at is 'When the showtime was to start then.';

drop index concurrently if exists deliveries_user_id_idx;
create index concurrently if not exists deliveries_user_id_idx on deliveries (user_id, id) where user_id is not null;
drop index concurrently if exists deliveries_email_idx;
create index concurrently if not exists deliveries_email_idx on deliveries (fold_email(data ->> 'email')) where data ? 'email';

create or replace procedure grant_reservation_roles_0047()
language plpgsql
as $$
begin
    if exists (select from pg_roles where rolname = 'reservation_app') then
        grant update (language) on users to reservation_app;
        grant select, insert, update on reminded_showtimes to reservation_app;
    end if;
    if exists (select from pg_roles where rolname = 'reservation_readonly') then
        grant select (language) on users to reservation_readonly;
        grant select on reminded_showtimes to reservation_readonly;
    end if;
end
$$;

comment on procedure grant_reservation_roles_0047 is 'The part of grant_reservation_roles for mails.';

revoke execute on procedure grant_reservation_roles_0047 from public;

call grant_reservation_roles_0047();
