/* bulk/set_aside
Moves showtimes a thousand years into the future, before replace_showtimes gives them places that other showtimes of the
same file leave. showtimes_overlap_excl checks each row as it is written, so two showtimes could not change places
otherwise. All move by the same interval, so they do not overlap there either, and no other transaction sees them there.
A showtime whose room and time stay is not moved, nor is a cancelled one, which takes
no time. updated_at is left to replace_showtimes. Returns the showtimes moved
and the end of each one's old place. The caller has locked the old and new rooms, and the showtimes.
Plan: function scan, then index scans on showtimes_pkey.
$1 bigint[] showtime_ids: the showtimes
$2 bigint[] auditorium_ids: their new rooms
$3 timestamptz[] starts_at: their new starts
$4 timestamptz[] ends_at: their new ends
$5 bigint cleaning_s: seconds after the end in which a room cannot be used
Sample: select array_agg(id), array_agg(auditorium_id), array_agg(starts_at + interval '1 hour'), array_agg(ends_at +
interval '1 hour'), 900::bigint from (select id, auditorium_id, starts_at, ends_at from showtimes order by id limit 16)
as st
*/
update /* bulk/set_aside */ showtimes
set
    starts_at = showtimes.starts_at + interval '8766000 hours',
    ends_at = showtimes.ends_at + interval '8766000 hours',
    free_at = showtimes.free_at + interval '8766000 hours'
from
    unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::timestamptz[])
        as wanted (id, auditorium_id, starts_at, ends_at)
where
    showtimes.id = wanted.id
    and showtimes.status = 'scheduled'
    and (showtimes.auditorium_id, showtimes.starts_at, showtimes.free_at)
    <> (wanted.auditorium_id, wanted.starts_at, wanted.ends_at + $5::bigint * interval '1 second')
returning showtimes.id, showtimes.free_at - interval '8766000 hours' as free_at;
