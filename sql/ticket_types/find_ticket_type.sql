/* ticket_types/find_ticket_type
Returns one ticket type by its id.
Plan: index scan; the table has some rows only.
$1 bigint ticket_type_id: the ticket type
Sample: select min(id) from ticket_types
*/
select /* ticket_types/find_ticket_type */
    id,
    name,
    price_factor,
    fixed_price,
    position,
    active,
    created_at,
    updated_at
from ticket_types
where id = $1;
