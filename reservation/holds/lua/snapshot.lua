-- Reads the map's state and the held seats.
-- KEYS map, held
-- Returns {version, layout, seat id...}, or {-1, ticket}: not primed.
if redis.call('EXISTS', KEYS[1]) == 0 then
  -- include not_primed
end
-- include drop_expired
local answer = redis.call('ZRANGE', KEYS[2], 0, -1)
for i = 1, #answer do answer[i] = tonumber(answer[i]) end
table.insert(answer, 1, tonumber(state[2]))
table.insert(answer, 1, tonumber(state[1]))
return answer
