-- Lost: when showtimes were changed, and the expires_at of changes.
set local lock_timeout = '5s';

drop trigger if exists showtimes_changed on showtimes;
drop function if exists note_showtime_change();
alter table showtimes drop column if exists changed_at;
alter table reservation_changes drop column if exists expires_at;
