/* cinemas/list_cinemas
Returns a page of cinemas in the order of their ids.
Plan: index scan on cinemas_pkey, stopped by the limit.
$1 bigint after: the last id of the page before; 0 for the first page
$2 bigint row_limit: the most rows of the page
Sample: select 0::bigint, 50::bigint
*/
select /* cinemas/list_cinemas */
    id,
    name,
    address,
    timezone,
    created_at,
    updated_at
from cinemas
where id > $1
order by id
limit $2;
