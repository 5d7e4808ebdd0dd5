-- POST of the body in the file BENCH_BODY, again and again.
local report = dofile(os.getenv("BENCH_LUA") .. "/report.lua")

function init()
  local file = assert(io.open(os.getenv("BENCH_BODY"), "rb"))
  local body = file:read("*a")
  file:close()
  request = report.in_turn({ wrk.format("POST", nil, report.json_headers(), body) })
end

done = report.done
