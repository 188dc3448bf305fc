/* auditoriums/insert_auditorium
Inserts a room without seats. Without a cinema, it belongs to the only one; where there are several, its null is refused.
Plan: one insert; without a cinema, an index only scan on cinemas_pkey.
$1 text name: 1 to 200 characters
$2 integer capacity: the most seats it may have
$3 jsonb extra_metadata: a JSON object
$4 text focal_row: label of the row with the best view; null for the row two thirds back
$5 bigint cinema_id: its cinema; null for the only one
Sample: select 'Sample', 200, '{}'::jsonb, null::text, min(id) from cinemas
*/
insert /* auditoriums/insert_auditorium */ into auditoriums (name, capacity, extra_metadata, focal_row, cinema_id)
values ($1, $2, $3, $4, coalesce($5, (select case count(*) when 1 then min(c.id) end from cinemas as c)))
returning id, cinema_id, name, capacity, extra_metadata, focal_row, created_at, updated_at;
