-- The best available seats are looked for around a row that the administrator may name.
-- Null is the row two thirds back. Any well-formed label is taken, since rows are added after the room is: for one that
-- is not there, the service takes the nearest.

set local lock_timeout = '5s';

alter table auditoriums
add column focal_row text constraint auditoriums_focal_row_check check (focal_row ~ '^[A-Z]{1,3}$');

comment on column auditoriums.focal_row is
'Label of the row with the best view, as in seats.row_label; null for the row two thirds back.';
