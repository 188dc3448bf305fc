/* showtimes/find_overlap
Which showtime is in the way of one that showtimes_overlap_excl refused.
Plan: index scan on showtimes_overlap_excl.
$1 bigint auditorium_id: in which room
$2 timestamptz starts_at: wanted start
$3 timestamptz ends_at: wanted end
$4 bigint cleaning_s: seconds after the end in which the room cannot be used
$5 bigint except_id: the showtime that is to be changed; 0 for a new one
Sample: select st.auditorium_id, st.starts_at, st.ends_at, 0::bigint, 0::bigint from (select) as one left join (select
auditorium_id, starts_at, ends_at from showtimes order by starts_at desc, id desc limit 1) as st on true
*/
select /* showtimes/find_overlap */ id
from showtimes
where
    int8range(auditorium_id, auditorium_id, '[]') && int8range($1::bigint, $1::bigint, '[]')
    and tstzrange(starts_at, free_at, '[)') && tstzrange($2::timestamptz, $3::timestamptz + $4::bigint * interval '1 second', '[)')
    and id <> $5
order by starts_at
limit 1;
