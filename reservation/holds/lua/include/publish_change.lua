-- Publishes that the map has changed, if a worker watches it. Uses the locals `version`, `watched` (until when, in Unix
-- seconds; false: by none) and `seats` (the seats that may look different, separated by spaces; nil: none are named).
-- A channel with a hash tag is one of a cluster's node. Lua itself writes a number with fewer digits than a version has.
if watched then
  if tonumber(redis.call('TIME')[1]) < tonumber(watched) then
    local message = KEYS[1] .. ' ' .. string.format('%.0f', version)
    if seats then message = message .. ' ' .. seats end
    local channel = redis.call('HGET', KEYS[1], 'channel')
    redis.call(string.sub(channel, 1, 1) == '{' and 'SPUBLISH' or 'PUBLISH', channel, message)
  else
    redis.call('HDEL', KEYS[1], 'watched', 'channel')
  end
end
