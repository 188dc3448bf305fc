/* ticket_types/lock_ticket_type
Locks a ticket type against other writers, and returns whether a hold has asked for it.
Plan: index scan; the table has some rows only.
$1 bigint ticket_type_id: the ticket type
Sample: select min(id) from ticket_types
*/
select /* ticket_types/lock_ticket_type */ is_used
from ticket_types
where id = $1
for no key update;
