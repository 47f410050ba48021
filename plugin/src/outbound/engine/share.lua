-- One proxy's message about one organization and day: what it has used and holds, and what it would like to hold.
-- KEYS: the day, a hash: held and used by all proxies, the allotment that was last stated, and of each proxy m:<id> (its last message), h:<id>, u:<id>;
--       and b:<id>, the birth that its last message stated; spoken: how many have stated the present birth;
--       the calls in progress, a hash: of each proxy message:share:until;
--       the engine's birth, a hash that never expires: birth (microseconds since 1970), lost (whether somebody knew another one).
-- ARGV: 1 the proxy's id, 2 the number of its message (0: a greeting, about no organization), 3 used, 4 held, 5 the least that is of use, 6 needed, 7 wanted,
--       8 the allotment, 9 how many proxies there are, 10 when the day may be forgotten (Unix seconds),
--       11 held and 12 used by the others as the proxy last heard, 13 its share of the calls in progress, 14 more that it needs,
--       15 the limit of all (-1: not limited), 16 for how many seconds a share counts that is not renewed,
--       17 for how many seconds nothing is granted after everything was lost: until every proxy has said again what it holds,
--       18 the birth of the engine that the proxy knows (0: none yet).
-- Returns: the number of the last message, credits granted (-1 while nothing is, after everything was lost), held by all, used by all, calls granted, the others' shares, the birth.
local id, a = ARGV[1], {}
for i = 2, 18 do a[i] = tonumber(ARGV[i]) end
local message, used, held, stated = a[2], a[3], a[4], a[18]
local time = redis.call('TIME')
local now = tonumber(time[1])
local engine = redis.call('HMGET', KEYS[3], 'birth', 'lost')
local birth, lost = tonumber(engine[1] or 0), engine[2]
if birth == 0 then
  birth = now * 1000000 + tonumber(time[2])
  redis.call('HSET', KEYS[3], 'birth', birth)
end
-- Whoever knows another birth has outlived what was known here. Once every proxy has had time to say it again, that is over.
local young = now < math.floor(birth / 1000000) + a[17]
local outlives = stated ~= 0 and stated ~= birth
if outlives and young and not lost then
  lost = '1'
  redis.call('HSET', KEYS[3], 'lost', lost)
end
if message == 0 then return {0, 0, 0, 0, 0, 0, birth} end
local known = redis.call('HMGET', KEYS[1], 'held', 'used', 'lost_held', 'lost_used', 'm:' .. id, 'h:' .. id, 'u:' .. id, 'quiet', 'spoken', 'b:' .. id, 'birth')
local function number(i) return tonumber(known[i] or 0) end
-- A message that comes after a later one is void: what it says is no longer so.
if known[5] and message <= number(5) then return {number(5), 0, 0, 0, 0, 0, birth} end
-- What was written before its sender heard of the loss may have been overtaken by what the former engine granted: it is to be said again.
if outlives and young then return {message, -1, 0, 0, 0, 0, birth} end
local lost_held, lost_used, quiet = number(3), number(4), number(8)
if not known[1] then
  -- The first word of a day, or the first after the day was lost: then what the others hold is known from this proxy alone.
  lost_held, lost_used = a[11], a[12]
  if not (lost and young) and a[9] > 1 and (held > 0 or lost_held > 0) then quiet = now + a[17] end
elseif not known[5] then
  lost_held, lost_used = math.max(0, lost_held - held), math.max(0, lost_used - used)
end
if lost and young then quiet = math.floor(birth / 1000000) + a[17] end
-- Once as many proxies have said what they hold as there are, knowing this engine, nothing is left to wait for.
local spoken = number(9)
if number(11) ~= birth then spoken = 0 end
if stated == birth and (spoken == 0 or number(10) ~= birth) then spoken = spoken + 1 end
if spoken >= a[9] then quiet = 0 end
-- The proxy knows best what it holds: a grant that it never heard of is nobody's, and is there for others again.
local all_held = number(1) - number(6) + held
local all_used = number(2) - number(7) + used
local left = a[8] - all_held - lost_held
local grant = math.min(a[7], math.floor(left / (2 * a[9])))
if grant < a[6] then grant = math.min(a[6], left) end
if grant < a[5] or grant < 0 or now < quiet then grant = 0 end
all_held = all_held + grant
redis.call('HSET', KEYS[1], 'held', all_held, 'used', all_used, 'lost_held', lost_held, 'lost_used', lost_used,
  'allotment', a[8], 'quiet', quiet, 'spoken', spoken, 'birth', birth, 'm:' .. id, message, 'h:' .. id, held + grant, 'u:' .. id, used, 'b:' .. id, stated)
redis.call('EXPIREAT', KEYS[1], a[10])
local calls, others = 0, 0
if a[15] >= 0 then
  local late, theirs = false, {}
  local shares = redis.call('HGETALL', KEYS[2])
  for i = 1, #shares, 2 do
    local last, share, till = string.match(shares[i + 1], '(%d+):(%d+):(%d+)')
    if shares[i] == id then
      late = tonumber(last) > message
    else
      table.insert(theirs, {id = shares[i], share = tonumber(share), till = tonumber(till)})
    end
  end
  -- Of more proxies than there are, with one whose place another takes, those are gone that were heard longest ago.
  table.sort(theirs, function(one, other) return one.till > other.till end)
  local last = theirs[a[9]] and theirs[a[9]].till or 0
  for _, its in ipairs(theirs) do
    if its.till > now and its.till >= last then
      others = others + its.share
    else
      redis.call('HDEL', KEYS[2], its.id)
    end
  end
  if not late then
    local free = a[15] - others - a[13]
    if a[14] > 0 then calls = math.max(0, math.min(free, math.max(a[14], math.floor(free / (2 * a[9]))))) end
    if a[13] + calls > 0 then
      redis.call('HSET', KEYS[2], id, message .. ':' .. (a[13] + calls) .. ':' .. (now + a[16]))
      redis.call('EXPIRE', KEYS[2], a[16])
    else
      redis.call('HDEL', KEYS[2], id)
    end
  end
end
if now < quiet then grant = -1 end
return {message, grant, all_held + lost_held, all_used + lost_used, calls, others, birth}
