/* archive/count_ended
How many showtimes ended before a moment, for the progress bar of the archive.
Plan: an index of showtimes by starts_at: a showtime that has ended has started.
$1 timestamptz before: which moment
Sample: select now()
*/
select /* archive/count_ended */ count(*) as showtimes
from showtimes
where starts_at < $1 and ends_at < $1;
