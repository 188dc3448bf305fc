-- Forgets all showtimes of a cluster's node: PostgreSQL was restored.
-- KEYS run
local run_key = KEYS[1]
-- include lose_run
return {1}
