-- Takes the seats of many showtimes in order, each once.
--
-- SEATS: a file of lines `room ROOM SEAT...` and `show SHOWTIME ROOM`; TOKENS: a file of lines `USER TOKEN`.
-- START: how many holds of the walk are taken already (0). THREADS: as many as wrk was told to run (1).
-- SEATS_A_HOLD: how many neighbouring seats a hold takes (4).
-- ABREAST: over how many showtimes holds are spread at a time (100), as on an evening on which all of them sell.
-- KEYED: 1 sends an Idempotency-Key with every request (0).
-- FINISH: what finishes a cycle, confirm or pay (confirm).
-- The customer depends on the showtime only, so the answer to a hold identifies its customer.
local seats_a_hold = number_of("SEATS_A_HOLD", 4)
local abreast = number_of("ABREAST", 100)
local threads = number_of("THREADS", 1)
local keyed = number_of("KEYED", 0) == 1
local finish = os.getenv("FINISH") or "confirm"

local rooms, shows, tokens, at = {}, {}, {}, 0

walk = {}

function walk.open()
  for _, parts in ipairs(lines_of("TOKENS", "`USER TOKEN`", "^%d+ (%S+)$")) do tokens[#tokens + 1] = parts[1] end
  local form = "`room ROOM SEAT...` or `show SHOWTIME ROOM`"
  for _, parts in ipairs(lines_of("SEATS", form, "^(room) (%d+) ([%d ]+)$", "^(show) (%d+) (%d+)$")) do
    local kind, id, rest = unpack(parts)
    if kind == "room" then
      local seats, blocks = {}, {}
      for seat in rest:gmatch("%d+") do seats[#seats + 1] = seat end
      for first = 1, #seats - seats_a_hold + 1, seats_a_hold do
        local body = '{"seat_ids": [' .. table.concat(seats, ", ", first, first + seats_a_hold - 1) .. "]}"
        blocks[#blocks + 1] = #body .. "\r\n\r\n" .. body
      end
      rooms[id] = blocks
    else
      if not rooms[rest] then fail("SEATS: room " .. rest .. " does not stand before its show " .. id) end
      shows[#shows + 1] = { id = id, blocks = rooms[rest] }
    end
  end
  if #shows == 0 then fail("SEATS: there is no show in it") end
  at = number_of("START", 0) + thread_number
  walked = 0  -- how far the walk has got, for START of the next run
  ran_out = 0
end

local function authorization(showtime_id)
  return "\r\nHost: " .. wrk.headers["Host"] .. "\r\nAuthorization: Bearer " .. tokens[showtime_id % #tokens + 1]
end

-- Requests are put together from large pieces: the load generator shares the machine with what it loads.
local function hold_head(show)
  show.head = show.head or "POST /showtimes/" .. show.id .. "/holds HTTP/1.1" .. authorization(show.id) ..
    "\r\nContent-Type: application/json\r\n"
  return show.head
end

-- A key of its own for every request: what is asked for is asked for once, so that names it.
local function key(what) return "Idempotency-Key: " .. what .. "\r\n" end

-- The next hold as a request; all rooms have as many seats. At the end of the walk its last hold is repeated, which
-- is refused, and counted.
function walk.hold()
  local a_show = #shows[1].blocks
  local stripe, within = math.floor(at / (abreast * a_show)), at % (abreast * a_show)
  local show = shows[stripe * abreast + within % abreast + 1]
  if not show then
    ran_out = ran_out + 1
    show = shows[#shows]
  else
    at = at + threads
    walked = at
  end
  local head = hold_head(show) .. (keyed and key(show.id .. "-" .. at) or "")
  return head .. "Content-Length: " .. show.blocks[math.floor(within / abreast) + 1]
end

local finish_tails = {}

-- The confirm of a reservation of a showtime, as its holder, or its payment, which confirms it.
function walk.finish(id, showtime_id)
  local tail = finish_tails[showtime_id]
  if not tail then
    tail = "/" .. finish .. " HTTP/1.1" .. authorization(showtime_id) .. "\r\n"
    finish_tails[showtime_id] = tail
  end
  return "POST /reservations/" .. id .. tail .. (keyed and key(id) or "") .. "\r\n"
end
