/* ticket_types/delete_ticket_type
Deletes a ticket type that no hold has asked for. The caller has locked it.
Plan: index scan; the table has some rows only.
$1 bigint ticket_type_id: the ticket type
Sample: select max(id) from ticket_types where not is_used
*/
delete /* ticket_types/delete_ticket_type */ from ticket_types
where id = $1 and not is_used;
