-- Finds the places of customers who are connected, and admits as many as are due.
-- KEYS room, queue, seen, admitted; ARGV on_sale, per_second, admission, live, customer...
-- Returns {now, how many wait, how many are before each customer...}; -1: not in the queue, so admitted, or Redis has lost it.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local seen_at = string.format('%.0f', now)
for i = 5, #ARGV do redis.call('ZADD', KEYS[3], 'XX', seen_at, ARGV[i]) end
-- include pump
local answer = {now, redis.call('ZCARD', KEYS[2])}
for i = 5, #ARGV do answer[#answer + 1] = redis.call('ZRANK', KEYS[2], ARGV[i]) or -1 end
return answer
