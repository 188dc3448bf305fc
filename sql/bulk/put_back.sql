/* bulk/put_back
Undoes set_aside for showtimes whose new place is not free.
Plan: index scan on showtimes_pkey.
$1 bigint[] showtime_ids: the showtimes
Sample: select array_agg(id) from (select id from showtimes order by id limit 16) as st
*/
update /* bulk/put_back */ showtimes
set
    starts_at = starts_at - interval '8766000 hours',
    ends_at = ends_at - interval '8766000 hours',
    free_at = free_at - interval '8766000 hours'
where id = any($1);
