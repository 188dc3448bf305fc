-- GETs from a list, in turn and repeatedly:
--
--   REQUESTS=requests.txt wrk -t1 -c64 -d5s -s benchmarks/wrk/get.lua http://127.0.0.1:8000
--
-- REQUESTS: a file with one request a line: path, access token or -, ETag to send as If-None-Match or -.
-- FROM: which request of the list is the first (0). ONCE: 1 ends wrk when each was sent once (0).
-- ENCODING: what to send as Accept-Encoding; unset, nothing.
-- DELAY_MS: milliseconds that a connection waits before each request; unset, none.
dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "report.lua")

local requests, at = {}, 0
local once, sent = number_of("ONCE", 0) == 1, 0

function init()
  requests = gets_of_requests()
  at = (number_of("FROM", 0) + thread_number) % #requests
end

function request()
  if once then
    sent = sent + 1
    if sent == 2 then clock.start() end  -- the first one is wrk's own trial, which it does not send
    if sent > #requests + 1 then clock.stop() end
  end
  at = at % #requests + 1
  return requests[at]
end

if os.getenv("DELAY_MS") then
  local delay_ms = number_of("DELAY_MS")
  function delay() return delay_ms end
end
