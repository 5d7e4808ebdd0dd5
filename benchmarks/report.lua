-- What every wrk script here shares: the credential, prepared requests taken in turn, one line of JSON at the end.
local report = {}

function report.json_headers()
  return { ["Authorization"] = "Bearer " .. os.getenv("BENCH_KEY"), ["Content-Type"] = "application/json" }
end

--- Requests are formatted once, before the clock runs.
function report.in_turn(requests)
  local at, count = 0, #requests
  return function()
    at = at % count + 1
    return requests[at]
  end
end

--- wrk counts 4xx and 5xx as failed; BENCH_REFUSED says that they are what is measured.
function report.done(summary, latency)
  local e = summary.errors
  if os.getenv("BENCH_REFUSED") then e.status = summary.requests - e.status end
  io.write(string.format(
    '{"requests":%d,"seconds":%.6f,"p50_ms":%.3f,"p99_ms":%.3f,"failed":%d}\n', summary.requests,
    summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    e.connect + e.read + e.write + e.status + e.timeout))
end

return report
