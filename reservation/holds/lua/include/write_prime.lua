-- Writes a showtime's keys. KEYS map, held, seat...; ARGV (not used here), version, then seat id, reservation, ttl_ms for each
-- seat. A change that was announced while there was no map counts: PostgreSQL may have been read before it. Of the holds of
-- one seat the first gets it, and the others follow when it is released (give_to_others.lua).
redis.call('DEL', KEYS[1] .. ':priming')
local clock = redis.call('TIME')
local now_ms = clock[1] * 1000 + math.floor(clock[2] / 1000)
for i = 3, #KEYS do
  local at = 3 + (i - 3) * 3
  if redis.call('EXISTS', KEYS[1] .. ':released:' .. ARGV[at + 1] .. ':' .. ARGV[at]) == 0 then
    if not redis.call('SET', KEYS[i], ARGV[at + 1], 'NX', 'PX', ARGV[at + 2]) then
      local field = 'others:' .. ARGV[at]
      local others = redis.call('HGET', KEYS[1], field)
      if not others then redis.call('HINCRBY', KEYS[1], 'others', 1) end
      local other = ARGV[at + 1] .. ' ' .. string.format('%.0f', now_ms + ARGV[at + 2])
      redis.call('HSET', KEYS[1], field, others and others .. ' ' .. other or other)
    end
    redis.call('SET', KEYS[1] .. ':kept:' .. ARGV[at + 1], ARGV[2], 'PX', ARGV[at + 2])
    redis.call('ZADD', KEYS[2], now_ms + redis.call('PTTL', KEYS[i]), ARGV[at])
  end
end
local version = string.format('%.0f', ARGV[2] + redis.call('DEL', KEYS[1] .. ':changed'))
redis.call('HSET', KEYS[1], 'version', version, 'layout', version)
