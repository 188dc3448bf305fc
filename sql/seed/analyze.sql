/* seed/analyze
Analyzes the tables of the programme after they are filled, since autovacuum comes later.
Plan: none, a utility statement; samples the tables.
*/
analyze /* seed/analyze */ users, movies, auditoriums, seats, showtimes;
