/* seed/vacuum
Vacuums, freezes and analyzes all tables after they are filled, so that what statements read does not depend on whether
autovacuum has run.
Plan: none, a utility statement; reads all there is.
*/
vacuum /* seed/vacuum */ (analyze, freeze, index_cleanup on);
