-- Gives the seats ARGV[2]... that are free by now to the holds that were primed behind another one; what the reservation
-- ARGV[1] has there is removed. The lists are none of KEYS, as the ticket in not_primed.lua.
local clock = redis.call('TIME')
local now_ms = clock[1] * 1000 + math.floor(clock[2] / 1000)
for i = 2, #ARGV do
  local others = KEYS[1] .. ':others:' .. ARGV[i]
  for _, other in ipairs(redis.call('LRANGE', others, 0, -1)) do
    local holder, ends_ms = string.match(other, '^(%S+) (%d+)$')
    local left_ms = ends_ms - now_ms
    if holder == ARGV[1] or left_ms <= 0 then
      redis.call('LREM', others, 0, other)
    elseif redis.call('SET', KEYS[i + 1], holder, 'NX', 'PX', left_ms) then
      redis.call('ZADD', KEYS[2], ends_ms, ARGV[i])
      redis.call('LREM', others, 0, other)
    end
  end
end
