-- transactional: false
-- The genres stay filled: 0016's trigger goes on writing both columns.
set lock_timeout = '5s';

-- As 0016 made them, not validated.
alter table auditoriums
drop constraint if exists auditoriums_cinema_id_fkey,
add constraint auditoriums_cinema_id_fkey foreign key (cinema_id) references cinemas (id) not valid;
alter table movies
drop constraint if exists movies_age_rating_check,
drop constraint if exists movies_original_language_check,
drop constraint if exists movies_director_check,
drop constraint if exists movies_genres_check,
add constraint movies_age_rating_check check (char_length(age_rating) between 1 and 50) not valid,
add constraint movies_original_language_check check (char_length(original_language) between 1 and 100) not valid,
add constraint movies_director_check check (char_length(director) between 1 and 300) not valid,
add constraint movies_genres_check check (
    cardinality(genres) <= 10
    and array_position(genres, null) is null
    and array_position(genres, '') is null
    and char_length(array_to_string(genres, '')) <= 1000
) not valid;
alter table showtimes
drop constraint if exists showtimes_format_check,
drop constraint if exists showtimes_audio_language_check,
drop constraint if exists showtimes_subtitle_language_check,
drop constraint if exists showtimes_sales_end_at_check,
drop constraint if exists showtimes_status_check,
drop constraint if exists showtimes_cancelled_at_check,
drop constraint if exists showtimes_cancel_reason_check,
drop constraint if exists showtimes_free_at_check,
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

drop index concurrently if exists showtimes_auditorium_id_old_idx;

create index concurrently if not exists showtimes_auditorium_id_old_idx on showtimes (auditorium_id);

drop index concurrently if exists showtimes_auditorium_id_idx;

alter index if exists showtimes_auditorium_id_old_idx rename to showtimes_auditorium_id_idx;

drop index concurrently if exists showtimes_status_idx;

drop index concurrently if exists movies_genres_idx;

drop index concurrently if exists auditoriums_cinema_id_idx;
