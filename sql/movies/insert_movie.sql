/* movies/insert_movie
Inserts a film.
Plan: one insert.
$1 text title: 1 to 300 characters
$2 text description: may be empty
$3 integer duration_minutes: running time
$4 text poster_url: may be null
$5 text genre: may be null
Sample: select 'Sample', '', 90, null::text, 'Drama'
*/
insert /* movies/insert_movie */ into movies (title, description, duration_minutes, poster_url, genre)
values ($1, $2, $3, $4, $5)
returning id, title, description, duration_minutes, poster_url, genre, created_at, updated_at;
