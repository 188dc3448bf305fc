-- GETs from a list, in turn and repeatedly:
--
--   REQUESTS=requests.txt wrk -t1 -c64 -d5s -s benchmarks/wrk/get.lua http://127.0.0.1:8000
--
-- REQUESTS: a file with one request a line: path, access token or -, ETag to send as If-None-Match or -.
-- DELAY_MS: milliseconds that a connection waits before each request; unset, none.
dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "report.lua")

local requests, at = {}, 0

function init()
  requests = gets_of_requests()
  at = thread_number % #requests
end

function request()
  at = at % #requests + 1
  return requests[at]
end

if os.getenv("DELAY_MS") then
  local delay_ms = number_of("DELAY_MS")
  function delay() return delay_ms end
end
