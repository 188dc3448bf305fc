-- Cinemas with time zones, more about films, and showtimes that have a sale window and can be cancelled. The version that
-- is running goes on: its rooms get the first cinema by the default, its genres are written into both columns by a trigger,
-- and its statements find no cancelled showtime in their way, since a cancelled one takes no time (free_at = starts_at), so
-- the exclusion constraint stays as it is, and nothing is built. All columns are added without a rewrite, all constraints
-- without a scan. Longest lock: access exclusive on movies, auditoriums and showtimes, 17 ms, whatever their size.

set local lock_timeout = '5s';

create table cinemas (
    id bigint generated always as identity,
    name text not null,
    address text not null default '',
    timezone text not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint cinemas_pkey primary key (id),
    constraint cinemas_name_check check (char_length(name) between 1 and 200),
    constraint cinemas_address_check check (char_length(address) <= 1000),
    -- Fails for a time zone that PostgreSQL does not know: lists compute with it.
    constraint cinemas_timezone_check
    check (char_length(timezone) <= 100 and timestamptz '2000-01-01 00:00Z' at time zone timezone is not null)
);

comment on table cinemas is 'Buildings with auditoriums.';
comment on column cinemas.timezone is 'IANA name; a day of the programme is one of this time zone.';

insert into cinemas (name, timezone) values ('Cinema', 'UTC');

-- All the locks on existing tables, or none, as in 0011.
do $$
begin
    perform set_config('lock_timeout', '200ms', true);
    for attempt in 1..25 loop
        begin
            lock table movies, auditoriums, showtimes in access exclusive mode;
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

alter table auditoriums add column cinema_id bigint not null default 1;
alter table auditoriums
add constraint auditoriums_cinema_id_fkey foreign key (cinema_id) references cinemas (id) not valid;

comment on column auditoriums.cinema_id is 'The default is for the version before: the cinema that this migration made.';

alter table movies
add column age_rating text,
add column release_date date,
add column original_language text,
add column director text,
add column genres text[] not null default '{}',
add constraint movies_age_rating_check check (char_length(age_rating) between 1 and 50) not valid,
add constraint movies_original_language_check check (char_length(original_language) between 1 and 100) not valid,
add constraint movies_director_check check (char_length(director) between 1 and 300) not valid,
add constraint movies_genres_check check (
    cardinality(genres) <= 10
    and array_position(genres, null) is null
    and array_position(genres, '') is null
    and char_length(array_to_string(genres, '')) <= 1000
) not valid;

comment on column movies.age_rating is 'As it is shown to customers: PG-13, FSK 12, 18+.';
comment on column movies.original_language is 'A language tag (BCP 47), such as en or pt-BR.';
comment on column movies.genres is 'All genres; the first is also in genre, which a trigger keeps equal. Compared without regard to case.';

create function fold_genres(genres text[])
returns text[]
language sql
immutable
parallel safe
return array(select lower(each.genre) from unnest(genres) as each (genre));

comment on function fold_genres is 'Genres in lower case, for comparisons and for their index.';

create function keep_genres()
returns trigger
language plpgsql
as $$
begin
    -- The version before only writes genre; this one only writes genres.
    if tg_op = 'INSERT' then
        if new.genres = '{}' and new.genre is not null then
            new.genres := array[new.genre];
        end if;
    elsif new.genres = old.genres and new.genre is distinct from old.genre then
        new.genres := case when new.genre is null then '{}' else array[new.genre] end;
    end if;
    new.genre := new.genres[1];
    return new;
end
$$;

comment on function keep_genres is 'Keeps movies.genre equal to the first of movies.genres.';

create trigger movies_genres before insert or update of genre, genres on movies
for each row execute function keep_genres();

-- The constraint is replaced: it also says what a cancelled showtime has.
alter table showtimes
add column format text,
add column audio_language text,
add column subtitle_language text,
add column on_sale_at timestamptz,
add column sales_end_at timestamptz,
add column status text not null default 'scheduled',
add column cancelled_at timestamptz,
add column cancel_reason text,
-- squawk-ignore ban-drop-constraint
drop constraint showtimes_free_at_check,
add constraint showtimes_format_check check (char_length(format) between 1 and 50) not valid,
add constraint showtimes_audio_language_check check (char_length(audio_language) between 1 and 100) not valid,
add constraint showtimes_subtitle_language_check check (char_length(subtitle_language) between 1 and 100) not valid,
add constraint showtimes_sales_end_at_check check (sales_end_at > on_sale_at) not valid,
add constraint showtimes_status_check check (status in ('scheduled', 'cancelled')) not valid,
add constraint showtimes_cancelled_at_check check ((status = 'cancelled') = (cancelled_at is not null)) not valid,
add constraint showtimes_cancel_reason_check
check (char_length(cancel_reason) <= 1000 and (status = 'cancelled' or cancel_reason is null)) not valid,
add constraint showtimes_free_at_check
check (case status when 'cancelled' then free_at = starts_at else free_at >= ends_at end) not valid;

comment on column showtimes.format is '2D, 3D, IMAX, ...: free text.';
comment on column showtimes.audio_language is 'A language tag (BCP 47); null: not given.';
comment on column showtimes.subtitle_language is 'A language tag (BCP 47); null: no subtitles.';
comment on column showtimes.on_sale_at is 'Before it no seat can be held; null: on sale since it was created.';
comment on column showtimes.sales_end_at is 'From it on no seat can be held; null: starts_at.';
comment on column showtimes.free_at is
'When the next showtime of the room may start: ends_at plus the cleaning time of when it was written; if cancelled, starts_at.';
comment on column showtimes.layout_version is
'Raised by every change of room, seats, film, times, sale window, status or base_price; a hold is written at it. Not the API''s.';
comment on constraint showtimes_overlap_excl on showtimes is
'Two scheduled showtimes of one room never overlap. Ranges are half-open, and that of a cancelled one is empty.';

create function free_cancelled_slot()
returns trigger
language plpgsql
as $$
begin
    new.free_at := new.starts_at;
    return new;
end
$$;

comment on function free_cancelled_slot is 'A cancelled showtime takes no time in its room: free_at is starts_at.';

create trigger showtimes_slot_freed before insert or update of status, starts_at, free_at on showtimes
for each row when (new.status = 'cancelled') execute function free_cancelled_slot();

create or replace trigger showtimes_layout_changed
before update of auditorium_id, movie_id, base_price, starts_at, ends_at, on_sale_at, sales_end_at, status on showtimes
for each row
when (
    old.auditorium_id is distinct from new.auditorium_id
    or old.movie_id is distinct from new.movie_id
    or old.base_price is distinct from new.base_price
    or old.starts_at is distinct from new.starts_at
    or old.ends_at is distinct from new.ends_at
    or old.on_sale_at is distinct from new.on_sale_at
    or old.sales_end_at is distinct from new.sales_end_at
    or old.status is distinct from new.status
)
execute function raise_layout_version();

-- squawk-ignore renaming-object
alter procedure grant_reservation_roles() rename to grant_reservation_roles_0011;
create procedure grant_reservation_roles()
language plpgsql
as $$
begin
    call grant_reservation_roles_0011();
    if exists (select from pg_roles where rolname = 'reservation_app') then
        grant select, insert, update, delete on cinemas to reservation_app;
    end if;
    if exists (select from pg_roles where rolname = 'reservation_readonly') then
        grant select on cinemas to reservation_readonly;
    end if;
end
$$;

comment on procedure grant_reservation_roles is
'Grants reservation_app and reservation_readonly what they need, where they exist; for the owner of the tables or a DBA.';

revoke execute on procedure grant_reservation_roles from public;

call grant_reservation_roles();
