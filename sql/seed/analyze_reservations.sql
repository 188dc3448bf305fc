/* seed/analyze_reservations
Tells the planner about the reservations that have been written. Not to be run where there are none: of a table that it
has never looked at, PostgreSQL expects more rows than of one that it has seen empty, and its plans are good for more.
Plan: none, a utility statement; samples the tables.
*/
analyze /* seed/analyze_reservations */ reservations, reservation_seats, booked_seats;
