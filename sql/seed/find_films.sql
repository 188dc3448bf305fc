/* seed/find_films
Returns the films that fit into the slots of generated showtimes, and the number of all films.
Plan: sequential scan, once a run.
$1 integer max_minutes: the longest running time that fits
Sample: select 165
*/
select /* seed/find_films */
    count(*) as total,
    coalesce(array_agg(id order by id) filter (where duration_minutes <= $1), '{}') as movie_ids
from movies;
