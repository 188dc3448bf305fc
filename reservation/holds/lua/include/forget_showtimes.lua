-- Deletes all that Redis knows of showtimes. Each is then primed from PostgreSQL with a version above all before.
-- A node of a cluster refuses to delete keys of a slot that it is about to get, or has lost: they stay.
local cursor = '0'
repeat
  local found = redis.call('SCAN', cursor, 'MATCH', '{[0-9]*}:*', 'COUNT', 1000)
  for _, key in ipairs(found[2]) do redis.pcall('UNLINK', key) end
  cursor = found[1]
until cursor == '0'
