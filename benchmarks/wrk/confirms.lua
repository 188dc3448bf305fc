-- Confirms of held reservations, each once, until all are confirmed or the time is over:
--
--   HELD=held.txt wrk -t1 -c64 -d30s -s benchmarks/wrk/confirms.lua http://127.0.0.1:8000
--
-- HELD: a file with one reservation a line: its id and its customer's access token. THREADS: as given to wrk (1).
dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "report.lua")

local threads = number_of("THREADS", 1)

local confirms, at = {}, 0

function init()
  local number = 0
  for _, parts in ipairs(lines_of("HELD", "`RESERVATION TOKEN`", "^(%S+) (%S+)$")) do
    if number % threads == thread_number then
      local id, token = unpack(parts)
      confirms[#confirms + 1] = wrk.format("POST", "/reservations/" .. id .. "/confirm",
        { ["Authorization"] = "Bearer " .. token })
    end
    number = number + 1
  end
  if #confirms == 0 then fail("HELD: there are fewer reservations than THREADS") end
end

function request()
  at = at + 1
  if at == 2 then clock.start() end  -- the first one is wrk's own trial, which it does not send
  if at > #confirms then clock.stop() end
  return confirms[math.min(at, #confirms)]
end
