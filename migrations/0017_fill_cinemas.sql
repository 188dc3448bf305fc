-- transactional: false
-- Writes the genres of the films that were there before 0016, a thousand at a time, validates the constraints of 0016, and
-- builds the indexes of the lists. It may be stopped and run again from its beginning. Longest lock: share update exclusive
-- on showtimes while an index is built, for which no sale waits: 25 ms at 20,000 showtimes.

set lock_timeout = '5s';

do $$
declare
    first_id bigint := 0;
    last_id bigint;
begin
    loop
        last_id := (
            select max(batch.id)
            from (
                select m.id
                from movies as m
                where m.id > first_id
                order by m.id
                limit 1000
            ) as batch
        );
        exit when last_id is null;
        update movies set genres = array[genre]
        where id > first_id and id <= last_id and genre is not null and genres = '{}';
        commit;
        first_id := last_id;
    end loop;
end
$$;

alter table movies validate constraint movies_age_rating_check;
alter table movies validate constraint movies_original_language_check;
alter table movies validate constraint movies_director_check;
alter table movies validate constraint movies_genres_check;
alter table auditoriums validate constraint auditoriums_cinema_id_fkey;
alter table showtimes validate constraint showtimes_format_check;
alter table showtimes validate constraint showtimes_audio_language_check;
alter table showtimes validate constraint showtimes_subtitle_language_check;
alter table showtimes validate constraint showtimes_sales_end_at_check;
alter table showtimes validate constraint showtimes_status_check;
alter table showtimes validate constraint showtimes_cancelled_at_check;
alter table showtimes validate constraint showtimes_cancel_reason_check;
alter table showtimes validate constraint showtimes_free_at_check;

-- What an interrupted attempt may have left, which may not be valid.
drop index concurrently if exists auditoriums_cinema_id_idx;

-- squawk-ignore ban-concurrent-index-creation-in-transaction
create index concurrently if not exists auditoriums_cinema_id_idx on auditoriums (cinema_id);

drop index concurrently if exists movies_genres_idx;

-- squawk-ignore ban-concurrent-index-creation-in-transaction
create index concurrently if not exists movies_genres_idx on movies using gin (fold_genres(genres));

-- For pages of the programme: those of one status (cancelled ones are few), and those of a room.
drop index concurrently if exists showtimes_status_idx;

-- squawk-ignore ban-concurrent-index-creation-in-transaction
create index concurrently if not exists showtimes_status_idx on showtimes (status, starts_at, id);

drop index concurrently if exists showtimes_auditorium_id_starts_at_idx;

-- squawk-ignore ban-concurrent-index-creation-in-transaction
create index concurrently if not exists showtimes_auditorium_id_starts_at_idx on showtimes (auditorium_id, starts_at, id);

drop index concurrently if exists showtimes_auditorium_id_idx;

-- The name by which the statements and the stored plans call it.
-- squawk-ignore renaming-object
alter index if exists showtimes_auditorium_id_starts_at_idx rename to showtimes_auditorium_id_idx;
