-- What all scripts share: they end with one line of JSON, and tell their threads apart.
-- A script names the counters that it keeps as global numbers in REPORTED before it includes this, and says what is
-- told of all threads: their "sum" or their "max".

local ffi = require("ffi")
ffi.cdef [[
  typedef struct { long seconds, nanoseconds; } instant;
  int clock_gettime(int clock, instant *now);
  int getpid(void);
  int kill(int pid, int signal);
]]
local MONOTONIC, SIGINT = 1, 2
local threads = {}

local function microseconds()
  local now = ffi.new("instant")
  ffi.C.clock_gettime(MONOTONIC, now)
  return tonumber(now.seconds) * 1e6 + tonumber(now.nanoseconds) / 1e3
end

-- For work that has an end of its own: clock.start() at the first request, clock.stop() instead of one more. What is
-- under way then is cut off, as it is at the end of the time.
clock = {}
local started_us

function clock.start()
  started_us = microseconds()
end

function clock.stop()
  if stopped_us then return end
  stopped_us = microseconds() - started_us
  wrk.thread:stop()
  ffi.C.kill(ffi.C.getpid(), SIGINT)  -- wakes wrk, which else sleeps until the end of the time
end

function setup(thread)
  thread:set("thread_number", #threads)
  threads[#threads + 1] = thread
end

local function quoted(text)
  return '"' .. text:gsub('[%c"\\]', " "):sub(1, 300) .. '"'
end

function done(summary, latency)
  local elapsed, failure, counts = summary.duration, "", {}
  for name, how in pairs(REPORTED or {}) do
    local total = 0
    for _, thread in ipairs(threads) do
      local count = thread:get(name) or 0
      total = how == "max" and math.max(total, count) or total + count
    end
    counts[#counts + 1] = string.format('"%s": %d', name, total)
  end
  local stopped = 0
  for _, thread in ipairs(threads) do
    stopped = math.max(stopped, thread:get("stopped_us") or 0)
    failure = thread:get("first_failure") or failure
  end
  if stopped > 0 then elapsed = stopped end  -- the work had an end before the time had
  local errors = summary.errors
  io.write(string.format(
    'BENCH {"requests": %d, "elapsed_us": %d, "bytes": %d, "counts": {%s}, "first_failure": %s, ' ..
    '"errors": {"connect": %d, "read": %d, "write": %d, "status": %d, "timeout": %d}, ' ..
    '"latency_us": {"p50": %d, "p90": %d, "p99": %d, "p99.9": %d, "max": %d}}\n',
    summary.requests, elapsed, summary.bytes, table.concat(counts, ", "), quoted(failure),
    errors.connect, errors.read, errors.write, errors.status, errors.timeout,
    latency:percentile(50), latency:percentile(90), latency:percentile(99), latency:percentile(99.9), latency.max))
end
