set local lock_timeout = '5s';

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

comment on column showtimes.layout_version is
'Raised by every change of room, seats, film, times, sale window, status or base_price; a hold is written at it. Not the API''s.';

alter table showtimes drop column waiting_room;
