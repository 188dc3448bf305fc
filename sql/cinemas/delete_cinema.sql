/* cinemas/delete_cinema
Deletes a cinema. auditoriums_cinema_id_fkey refuses one that has auditoriums.
Plan: index scan on cinemas_pkey.
$1 bigint cinema_id: the cinema
Sample: select max(c.id) from cinemas as c where not exists (select from auditoriums as a where a.cinema_id = c.id)
*/
delete /* cinemas/delete_cinema */ from cinemas
where id = $1
returning id;
