-- Reads since when Redis has kept all that was written to it; if it has lost that with all else, it is from now on. The
-- run_id in it is that of `run`, so it changes after a restart or a fail-over, too; detect_restore.lua deletes it.
-- KEYS run
-- Returns {'run_id microseconds', milliseconds since then}.
local run = redis.call('GET', KEYS[1]) or ''
local since = redis.call('GET', KEYS[1] .. ':kept_since')
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
if not since or string.match(since, '^%w*') ~= run then
  since = run .. ' ' .. string.format('%.0f', now)
  redis.call('SET', KEYS[1] .. ':kept_since', since)
end
return {since, math.floor((now - tonumber(string.match(since, '%d+$'))) / 1000)}
