-- Some of the days that proxies have spoken about: for whoever wants to see all organizations at once. It changes nothing.
-- ARGV: 1 where to go on (0: at the beginning), 2 the names of the days, a pattern, 3 about how many names to look at, 4 the id of the proxy that asks.
-- Returns: where to go on (0: that is all), then of each day its name, what the other proxies have used, what is held by all beyond what is used, the allotment, and
--          how many calls the other proxies may have in progress.
local page = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', ARGV[3])
local now = tonumber(redis.call('TIME')[1])
local found = {page[1]}
for _, day in ipairs(page[2]) do
  local known = redis.call('HMGET', day, 'held', 'used', 'lost_held', 'lost_used', 'allotment', 'u:' .. ARGV[4])
  local function number(i) return tonumber(known[i] or 0) end
  local calls = 0
  local shares = redis.call('HGETALL', string.match(day, '^(.*):') .. ':calls')
  for i = 1, #shares, 2 do
    local share, till = string.match(shares[i + 1], ':(%d+):(%d+)')
    if shares[i] ~= ARGV[4] and tonumber(till) > now then calls = calls + tonumber(share) end
  end
  local used = number(2) + number(4)
  for _, value in ipairs({day, used - number(6), number(1) + number(3) - used, number(5), calls}) do table.insert(found, value) end
end
return found
