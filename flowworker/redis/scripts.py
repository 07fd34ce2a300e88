"""What the server does in one step: scripts run alone, so that each is atomic.

All of them get the prefix of their map or of the leases, and name the rest by themselves (`keys`
says how). That is fine in a cluster, for the namespace's hash tag keeps all in one slot.
"""

from __future__ import annotations

__all__ = ["ACQUIRE", "EXPIRE", "FIND", "HOLDERS", "PURGE", "RELEASE", "RENEW", "WRITE"]

WRITE = """
-- KEYS: counter  ARGV: prefix, key, key by run or '', value, expected revision or '' for any,
--   milliseconds to live or 0
local value = ARGV[1] .. 'value:' .. ARGV[2]
local found = redis.call('HGET', value, 'r') or '0'
if ARGV[5] ~= '' and found ~= ARGV[5] then
  return {0, tonumber(found) or 0}
end
local revision = redis.call('INCR', KEYS[1])
redis.call('HSET', value, 'v', ARGV[4], 'r', string.format('%.0f', revision))
if ARGV[6] ~= '0' then
  redis.call('PEXPIRE', value, ARGV[6])
end
redis.call('ZADD', ARGV[1] .. 'names', 0, ARGV[2])
if ARGV[3] ~= '' then
  redis.call('ZADD', ARGV[1] .. 'by-run', 0, ARGV[3])
end
return {1, revision}
"""
"""Compare-and-set: whether it was done, and the new or the present revision."""

_SELECT = """
-- ARGV: prefix, literal prefix of names, '1' to look by run, Lua pattern of keys
local function forget(key)
  redis.call('ZREM', ARGV[1] .. 'names', key)
  local kind, queue, run, rest = string.match(key, '^([^.]+)%.([^.]+)%.([^.]+)%.(.+)$')
  if kind == 'step' or kind == 'emit' then
    redis.call('ZREM', ARGV[1] .. 'by-run', kind .. '.' .. run .. '.' .. queue .. '.' .. rest)
  end
end
local set = ARGV[1] .. (ARGV[3] == '1' and 'by-run' or 'names')
local from, to = '-', '+'
if ARGV[2] ~= '' then
  from, to = '[' .. ARGV[2], '(' .. ARGV[2] .. string.char(255)
end
local selected = {}
for _, name in ipairs(redis.call('ZRANGEBYLEX', set, from, to)) do
  local key = name
  if ARGV[3] == '1' then
    local kind, run, queue, rest = string.match(name, '^([^.]+)%.([^.]+)%.([^.]+)%.(.+)$')
    key = kind .. '.' .. queue .. '.' .. run .. '.' .. rest
  end
  if string.find(key, ARGV[4]) then
    if redis.call('EXISTS', ARGV[1] .. 'value:' .. key) == 1 then
      selected[#selected + 1] = key
    else
      forget(key) -- its value expired
    end
  end
end
"""

FIND = f"{_SELECT}\nreturn selected\n"
"""The keys that match."""

PURGE = f"""{_SELECT}
local through = tonumber(ARGV[5])
for _, key in ipairs(selected) do
  local value = ARGV[1] .. 'value:' .. key
  if through == 0 or tonumber(redis.call('HGET', value, 'r')) <= through then
    redis.call('DEL', value)
    forget(key)
  end
end
return #selected
"""
"""Removes the keys that match, up to a revision if that is not 0; how many match."""

EXPIRE = f"""{_SELECT}
for _, key in ipairs(selected) do
  redis.call('PEXPIREAT', ARGV[1] .. 'value:' .. key, ARGV[5])
end
return #selected
"""
"""Has the server remove the keys that match at a time, epoch milliseconds."""

_LEASE = """
local value, names = ARGV[1] .. 'value:' .. ARGV[2], ARGV[1] .. 'names'
-- What is no hash, or half a lease, is `damaged`
local kind = redis.call('TYPE', value).ok
local found = kind == 'hash' and redis.call('HMGET', value, 'holder', 'token') or {false, false}
local damaged = kind ~= 'none' and not (found[1] and found[2])
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function grant()
  local token = redis.call('INCR', KEYS[1])
  redis.call('HSET', value, 'holder', ARGV[3], 'token', string.format('%.0f', token))
  redis.call('PEXPIRE', value, ARGV[4])
  redis.call('ZREMRANGEBYSCORE', names, '-inf', now())
  redis.call('ZADD', names, now() + ARGV[4], ARGV[2])
  return token
end
"""

ACQUIRE = f"""{_LEASE}
-- KEYS: counter  ARGV: prefix, key, holder, milliseconds, milliseconds that what is damaged holds
if damaged or (found[1] and found[1] ~= ARGV[3]) then
  if redis.call('PTTL', value) < 0 then
    redis.call('PEXPIRE', value, math.max(ARGV[4], ARGV[5])) -- every lease has an end
  end
  return damaged and -1 or 0
end
return grant()
"""
"""The token, 0 if another has it, -1 if that cannot be read."""

RENEW = f"""{_LEASE}
-- KEYS: counter  ARGV: prefix, key, holder, milliseconds, token
if found[1] ~= ARGV[3] or found[2] ~= ARGV[5] then
  return 0
end
return grant()
"""
"""The next token, or 0."""

RELEASE = f"""{_LEASE}
-- KEYS: counter  ARGV: prefix, key, holder, '', token
if found[1] ~= ARGV[3] or found[2] ~= ARGV[5] then
  return 0
end
redis.call('DEL', value)
redis.call('ZREM', names, ARGV[2])
redis.call('PUBLISH', ARGV[1] .. 'free:' .. ARGV[2], '')
return 1
"""
"""Whether it was held."""

HOLDERS = """
-- ARGV: prefix, Lua pattern
local found = {}
for _, key in ipairs(redis.call('ZRANGE', ARGV[1] .. 'names', 0, -1)) do
  if string.find(key, ARGV[2]) then
    local value = ARGV[1] .. 'value:' .. key
    local holder = redis.call('TYPE', value).ok == 'hash' and redis.call('HGET', value, 'holder')
    if holder then
      found[#found + 1] = key
      found[#found + 1] = holder
    end
  end
end
return found
"""
"""Keys and holders in turn, of all leases that match and hold."""
