/* seed/analyze
Tells the planner about the programme that has been written, instead of leaving it to guess until autovacuum comes by.
Plan: none, a utility statement; samples the tables.
*/
analyze /* seed/analyze */ users, movies, auditoriums, seats, showtimes;
