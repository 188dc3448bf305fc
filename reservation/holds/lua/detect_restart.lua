-- Forgets all showtimes if this Redis was restarted, or is a replica that took over. It may have older data, and would
-- repeat versions under which clients have seen other maps. Runs first on every new connection.
-- KEYS run
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') or ''
if redis.call('GET', KEYS[1]) == run then return end
-- include forget_showtimes
redis.call('SET', KEYS[1], run)
