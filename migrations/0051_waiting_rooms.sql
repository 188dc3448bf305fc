-- Waiting rooms: a column says whether holds of a showtime need an admission, and raises layout_version, under which workers
-- cache it. The version that is running neither reads nor sets it: it sells without a waiting room.
-- Longest lock: access exclusive on showtimes, for a column with a constant default and a trigger: less than 5 ms, whatever its
-- size.

set local lock_timeout = '5s';

alter table showtimes add column waiting_room boolean not null default false;

comment on column showtimes.waiting_room is 'Whether a customer''s hold needs an admission from the showtime''s waiting room.';
comment on column showtimes.layout_version is
'Raised by every change of room, seats, film, times, sale window, waiting_room, status or base_price; a hold is written at it.'
' Not the API''s.';

create or replace trigger showtimes_layout_changed
before update of
auditorium_id, movie_id, base_price, starts_at, ends_at, on_sale_at, sales_end_at, waiting_room, status on showtimes
for each row
when (
    old.auditorium_id is distinct from new.auditorium_id
    or old.movie_id is distinct from new.movie_id
    or old.base_price is distinct from new.base_price
    or old.starts_at is distinct from new.starts_at
    or old.ends_at is distinct from new.ends_at
    or old.on_sale_at is distinct from new.on_sale_at
    or old.sales_end_at is distinct from new.sales_end_at
    or old.waiting_room is distinct from new.waiting_room
    or old.status is distinct from new.status
)
execute function raise_layout_version();
