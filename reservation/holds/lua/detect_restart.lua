-- Forgets all showtimes if this Redis was restarted, or is a replica that took over. It may have older data, and would
-- repeat versions under which clients have seen other maps. Runs first on every new connection. The replication id
-- changes with each promotion: a master that was demoted and is promoted again has the same run_id, and other data.
-- KEYS run
local run = (string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') or '')
  .. (string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)') or '')
if redis.call('GET', KEYS[1]) == run then return end
-- include forget_showtimes
redis.call('SET', KEYS[1], run)
