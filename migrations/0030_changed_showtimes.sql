-- transactional: false
-- Each statement is a transaction of its own.
-- squawk-ignore-file prefer-robust-stmts
-- When a showtime got another film, room or time, and when a hold was to expire after a change of its seats. An expired hold
-- is confirmed late only if the showtime has not changed since; a repeated change is answered with the first one's expires_at.
-- Null for what was before. A trigger writes the first, so that a change by the version which is running counts, too; that
-- version leaves the second null, and the answer has the expires_at of now, as it had before.
-- It may be run again from its beginning. Longest lock: access exclusive on showtimes and then on reservation_changes, for
-- changes of the catalogue: less than 2 ms each.

set lock_timeout = '5s';

alter table showtimes add column if not exists changed_at timestamptz;

comment on column showtimes.changed_at is
'When film, room, start or end changed last; null: not since migration 0030. A trigger keeps it.';

create or replace function note_showtime_change()
returns trigger
language plpgsql
as $$
begin
    new.changed_at := clock_timestamp();
    return new;
end
$$;

comment on function note_showtime_change is 'Sets a showtime''s changed_at.';

create or replace trigger showtimes_changed before update of movie_id, auditorium_id, starts_at, ends_at on showtimes
for each row
when (
    old.movie_id is distinct from new.movie_id
    or old.auditorium_id is distinct from new.auditorium_id
    or old.starts_at is distinct from new.starts_at
    or old.ends_at is distinct from new.ends_at
)
execute function note_showtime_change();

alter table reservation_changes add column if not exists expires_at timestamptz;

comment on column reservation_changes.expires_at is
'When the hold was to expire, as the change was answered; null: the change is older than migration 0030.';
