/* movies/delete_movie
Removes a film; showtimes_movie_id_fkey refuses one that has showtimes.
Plan: index scan on movies_pkey.
$1 bigint movie_id: which
*/
delete from movies
where id = $1
returning id;
