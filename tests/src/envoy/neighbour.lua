-- Answers for a filter behind the last one: what the header says, as `name=value&…&body=…` with bytes in percent encoding.
local function decoded(text)
  return (text:gsub("%%(%x%x)", function(byte) return string.char(tonumber(byte, 16)) end))
end

function envoy_on_request(handle)
  local answer = handle:headers():get("x-neighbour")
  if not answer then return end
  local headers, body = {}, nil
  for name, value in answer:gmatch("([^&=]+)=([^&]*)") do
    if name == "body" then
      body = decoded(value)
    elseif headers[name] then
      table.insert(headers[name], decoded(value))
    else
      headers[name] = { decoded(value) }
    end
  end
  headers[":status"] = headers[":status"][1]
  handle:respond(headers, body)
end
