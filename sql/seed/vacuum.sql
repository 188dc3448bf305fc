/* seed/vacuum
Leaves nothing for autovacuum to do on what has been loaded, so that what statements read does not hang on whether it came
by: rows are known to be visible, and frozen, no index points to what is gone, and the planner knows all the tables.
Plan: none, a utility statement; reads all there is.
*/
vacuum /* seed/vacuum */ (analyze, freeze, index_cleanup on);
