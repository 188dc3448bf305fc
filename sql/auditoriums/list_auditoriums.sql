/* auditoriums/list_auditoriums
Returns a page of rooms in the order of their ids.
Plan: index scan on auditoriums_pkey, stopped by the limit.
$1 bigint after: the last id of the page before; 0 for the first page
$2 bigint row_limit: the most rows of the page
Sample: select 0::bigint, 50::bigint
*/
select /* auditoriums/list_auditoriums */
    id,
    cinema_id,
    name,
    capacity,
    extra_metadata,
    focal_row,
    created_at,
    updated_at
from auditoriums
where id > $1
order by id
limit $2;
