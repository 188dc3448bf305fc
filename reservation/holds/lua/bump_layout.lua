-- Increments the version after a change of the seats or prices themselves, and stores it as `layout`.
-- KEYS map
local map = redis.call('HMGET', KEYS[1], 'version', 'watched')
if map[1] then
  local version, watched, seats = redis.call('HINCRBY', KEYS[1], 'version', 1), map[2], nil
  redis.call('HSET', KEYS[1], 'layout', version)
  -- include publish_change
else
  redis.call('SET', KEYS[1] .. ':changed', 1, 'PX', 60000)
end
