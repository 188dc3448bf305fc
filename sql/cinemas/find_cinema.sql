/* cinemas/find_cinema
Returns one cinema by its id.
Plan: index scan on cinemas_pkey.
$1 bigint cinema_id: the cinema
Sample: select min(id) from cinemas
*/
select /* cinemas/find_cinema */
    id,
    name,
    address,
    timezone,
    created_at,
    updated_at
from cinemas
where id = $1;
