-- Gives the seats ARGV[2]... that are free by now to the holds that were primed behind another one, and removes what the
-- reservation ARGV[1] has there. The map's field others:<seat> has each with its end in milliseconds: 'id ms id ms'.
local clock = redis.call('TIME')
local now_ms = clock[1] * 1000 + math.floor(clock[2] / 1000)
for i = 2, #ARGV do
  local field, left = 'others:' .. ARGV[i], {}
  local others = redis.call('HGET', KEYS[1], field)
  for holder, ends_ms in string.gmatch(others or '', '(%S+) (%d+)') do
    local left_ms = ends_ms - now_ms
    if holder ~= ARGV[1] and left_ms > 0 then
      if redis.call('SET', KEYS[i + 1], holder, 'NX', 'PX', left_ms) then
        redis.call('ZADD', KEYS[2], ends_ms, ARGV[i])
      else
        left[#left + 1] = holder .. ' ' .. ends_ms
      end
    end
  end
  if #left > 0 then
    redis.call('HSET', KEYS[1], field, table.concat(left, ' '))
  elseif others then
    redis.call('HDEL', KEYS[1], field)
    if redis.call('HINCRBY', KEYS[1], 'others', -1) < 1 then redis.call('HDEL', KEYS[1], 'others') end
  end
end
