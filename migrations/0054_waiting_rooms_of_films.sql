-- Waiting rooms of films: a column says whether new showtimes of a film have a waiting room. The version that is running neither
-- reads nor sets it: the showtimes that it makes have a waiting room only if they are given one.
-- Longest lock: access exclusive on movies, for a column with a constant default: less than 5 ms, whatever its size.

set local lock_timeout = '5s';

alter table movies add column waiting_room boolean not null default false;

comment on column movies.waiting_room is
'Whether a showtime has a waiting room that is written without saying so itself; showtimes that exist keep their own value.';
