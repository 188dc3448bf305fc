/* seed/reindex
Builds all indexes anew: a statement that was executed and rolled back leaves its split index pages behind, which vacuum does
not join again.
Plan: none, a utility statement; reads all there is.
*/
reindex /* seed/reindex */ schema public;
