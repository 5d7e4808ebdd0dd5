-- GET of the paths listed in the file BENCH_PATHS, in turn.
local report = dofile(os.getenv("BENCH_LUA") .. "/report.lua")

function init()
  local requests = {}
  for path in io.lines(os.getenv("BENCH_PATHS")) do
    requests[#requests + 1] = wrk.format("GET", path, report.json_headers())
  end
  request = report.in_turn(requests)
end

done = report.done
