/* cinemas/update_cinema
Replaces all columns of a cinema. The caller has locked it.
Plan: index scan on cinemas_pkey.
$1 bigint cinema_id: the cinema
$2 text name: 1 to 200 characters
$3 text address: may be empty
$4 text timezone: IANA name
Sample: select c.id, c.name, c.address, c.timezone from (select) as one left join (select id, name, address, timezone
from cinemas order by id limit 1) as c on true
*/
update /* cinemas/update_cinema */ cinemas
set
    name = $2,
    address = $3,
    timezone = $4,
    updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
where id = $1
returning id, name, address, timezone, created_at, updated_at;
