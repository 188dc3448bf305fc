/* ticket_types/insert_ticket_type
Inserts a ticket type. The trigger ticket_types_changed raises the version that holds with ticket types are written at.
Plan: one insert.
$1 text name: 1 to 100 characters
$2 numeric price_factor: null for one with a fixed price
$3 numeric fixed_price: null for one with a factor
$4 integer position: its place in lists
$5 boolean active: whether holds may ask for it
Sample: select 'Sample', 0.5::numeric, null::numeric, 1, true
*/
insert /* ticket_types/insert_ticket_type */ into ticket_types (name, price_factor, fixed_price, position, active)
values ($1, $2, $3, $4, $5)
returning id, name, price_factor, fixed_price, position, active, created_at, updated_at;
