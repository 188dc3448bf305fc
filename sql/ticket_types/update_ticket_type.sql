/* ticket_types/update_ticket_type
Replaces a ticket type. The caller has locked it. The trigger ticket_types_changed raises the version that holds with ticket
types are written at: those that are written after this was committed have the new price.
Plan: index scan; the table has some rows only.
$1 bigint ticket_type_id: the ticket type
$2 text name: 1 to 100 characters
$3 numeric price_factor: null for one with a fixed price
$4 numeric fixed_price: null for one with a factor
$5 integer position: its place in lists
$6 boolean active: whether holds may ask for it
Sample: select id, name, price_factor, fixed_price, position, active from ticket_types order by id limit 1
*/
update /* ticket_types/update_ticket_type */ ticket_types
set
    name = $2,
    price_factor = $3,
    fixed_price = $4,
    position = $5,
    active = $6,
    updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
where id = $1
returning id, name, price_factor, fixed_price, position, active, created_at, updated_at;
