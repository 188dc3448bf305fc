-- Everybody wants the same showtime: holds of two neighbouring seats, drawn from all of them, whether free or not:
--
--   SHOW=1 SEATS=... TOKENS=... wrk -t1 -c1000 -d5s -s benchmarks/wrk/onsale.lua http://127.0.0.1:8000
--
-- SHOW: the showtime's id; SEATS and TOKENS: as for walk.lua. Counts `held`, the answers 201, and `refused`, the answers
-- 409, which are no failures here.
REPORTED = { held = "sum", refused = "sum" }
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
dofile(here .. "report.lua")

local requests = {}

function init()
  held, refused = 0, 0
  math.randomseed(number_of("SEED", 1))
  local show, tokens, rooms, room = os.getenv("SHOW"), {}, {}, nil
  for _, parts in ipairs(lines_of("TOKENS", "`USER TOKEN`", "^%d+ (%S+)$")) do tokens[#tokens + 1] = parts[1] end
  local form = "`room ROOM SEAT...` or `show SHOWTIME ROOM`"
  for _, parts in ipairs(lines_of("SEATS", form, "^(room) (%d+) ([%d ]+)$", "^(show) (%d+) (%d+)$")) do
    local kind, id, rest = unpack(parts)
    if kind == "room" then rooms[id] = rest elseif id == show then room = rooms[rest] end
  end
  if not room then fail("SHOW: " .. tostring(show) .. " is not in SEATS") end
  local seats = {}
  for seat in room:gmatch("%d+") do seats[#seats + 1] = seat end
  for number, token in ipairs(tokens) do
    local first = math.random(#seats - 1)
    requests[number] = wrk.format("POST", "/showtimes/" .. show .. "/holds",
      { ["Authorization"] = "Bearer " .. token, ["Content-Type"] = "application/json" },
      '{"seat_ids": [' .. seats[first] .. ", " .. seats[first + 1] .. "]}")
  end
end

function request()
  return requests[math.random(#requests)]
end

function response(status, headers, body)
  if status == 201 then
    held = held + 1
  elseif status == 409 then
    refused = refused + 1
  elseif not first_failure then
    first_failure = status .. " " .. body
  end
end
