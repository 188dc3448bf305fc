/* seed/analyze_reservations
Analyzes the tables of reservations after they are filled. It must not run on empty ones: for a table that was never
analyzed PostgreSQL assumes some pages of rows, for one that was found empty none, and then it chooses plans that are
slow once the table grows.
Plan: none, a utility statement; samples the tables.
*/
analyze /* seed/analyze_reservations */ reservations, booked_seats;
