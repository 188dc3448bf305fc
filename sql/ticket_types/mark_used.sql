/* ticket_types/mark_used
Notes that holds ask for ticket types, before the first of these holds is inserted: from then on the types are not deleted,
since reservations show them. It is asked for once a type, so that a deletion need not look through all reservations. The
trigger that raises the version does not fire for it.
Plan: index scan; the table has some rows only.
$1 bigint[] ticket_type_ids: which
Sample: select array_agg(id) from ticket_types
*/
update /* ticket_types/mark_used */ ticket_types
set is_used = true
where id = any($1) and not is_used;
