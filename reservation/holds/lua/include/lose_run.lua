-- Forgets all showtimes, and tells all workers, who watch the key `run_key`. What was read from PostgreSQL before is not
-- written any more.
-- include forget_showtimes
redis.call('DEL', run_key .. ':kept_since')
local run = redis.call('GET', run_key)
if run then redis.call('SET', run_key, run) end
