/* auditoriums/insert_auditorium
Inserts a room without seats.
Plan: one insert.
$1 text name: 1 to 200 characters
$2 integer capacity: the most seats it may have
$3 jsonb extra_metadata: a JSON object
$4 text focal_row: label of the row with the best view; null for the row two thirds back
Sample: select 'Sample', 200, '{}'::jsonb, null::text
*/
insert /* auditoriums/insert_auditorium */ into auditoriums (name, capacity, extra_metadata, focal_row)
values ($1, $2, $3, $4)
returning id, name, capacity, extra_metadata, focal_row, created_at, updated_at;
