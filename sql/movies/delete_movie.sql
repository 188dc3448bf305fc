/* movies/delete_movie
Deletes a film. showtimes_movie_id_fkey refuses one that has showtimes.
Plan: index scan on movies_pkey.
$1 bigint movie_id: the film
Sample: select max(m.id) from movies as m where not exists (select from showtimes as st where st.movie_id = m.id)
*/
delete /* movies/delete_movie */ from movies
where id = $1
returning id;
