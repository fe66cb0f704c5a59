// ZFS channel programs: one call of zfs, and one transaction, instead of four or five calls, while an application is down.
// Each makes a change only where it can make all of it. Where it answers anything else than what its script expects, it has
// changed nothing, and the script goes on with single commands: they also find out what differs. `zfs.sync.set_prop` came
// with OpenZFS 2.2, and sets only the properties of users, not `readonly`.

/** Lua: `ds`; `own(NAME)`, a property that is set on it; `assigned`, the pairs after `--`; `differs()`, whether it is not as expected. */
const prologue = `args = ...
local argv = args["argv"]
local ds = argv[1]
local function own(name)
  local value, source = zfs.get_prop(ds, name)
  if source == ds then return value end
end
local expected, assigned, guid = {}, {}, nil
local into = expected
for at = 2, #argv do
  local name, value = string.match(argv[at], "^([^=]*)=(.*)$")
  if argv[at] == "--" and into == expected then into = assigned
  elseif name == "guid" and into == expected then guid = value
  elseif name ~= nil then into[#into + 1] = { name, value } end
end
local function newest_own()
  local newest, txg = nil, -1
  for snapshot in zfs.list.snapshots(ds) do
    if string.match(snapshot, "@drover%-e%d+%-%d+$") then
      local at = zfs.get_prop(snapshot, "createtxg")
      if at > txg then newest, txg = snapshot, at end
    end
  end
  return newest
end
local function differs()
  for _, pair in ipairs(expected) do
    if (own(pair[1]) or "") ~= pair[2] then return true end
  end
  if guid == nil then return false end
  local newest = newest_own()
  return newest == nil or string.format("%u", zfs.get_prop(newest, "guid")) ~= guid
    or zfs.get_prop(ds, "written@" .. string.match(newest, "@(.*)$")) ~= 0
end
`;

/** DATASET EXPECTED… --: returns `same MOUNTPOINT`. Only reads. */
export const compareProgram = `${prologue}
if differs() then return "differs" end
return "same " .. zfs.get_prop(ds, "mountpoint")
`;

/** DATASET EXPECTED… -- ASSIGNMENTS…: sets the properties and returns `set`, if `readonly` is as assigned already. */
export const setProgram = `${prologue}
if zfs.sync.set_prop == nil or differs() then return "differs" end
for _, pair in ipairs(assigned) do
  if pair[1] == "readonly" then
    if zfs.get_prop(ds, "readonly") ~= pair[2] then return "readonly differs" end
  elseif zfs.check.set_prop(ds, pair[1], pair[2]) ~= 0 then return "it cannot be set" end
end
for _, pair in ipairs(assigned) do
  if pair[1] ~= "readonly" then assert(zfs.sync.set_prop(ds, pair[1], pair[2]) == 0) end
end
return "set"
`;

/** So many snapshots and bookmarks take a moment in which the pool writes nothing else. */
const mostCopies = 2000;

/**
 * DATASET EXPECTED… -- ASSIGNMENTS…: sets the properties but `readonly`, takes the final snapshot, and returns
 * `frozen FINAL BYTES READONLY`, then a line of `zfs list -Hp -o name,guid,createtxg` for each snapshot and bookmark. BYTES is
 * what was written since the snapshot before it, 0 where none had to be taken; READONLY is `on` or `off`.
 */
export const freezeProgram = `${prologue}
if zfs.sync.set_prop == nil or differs() then return "differs" end
local epoch = string.match(own("drover:epoch") or "", "^%d+$")
if epoch == nil then return "differs" end
local rows, last, final, txg = {}, 0, nil, -1
local function note(name)
  local at = zfs.get_prop(name, "createtxg")
  local number = string.match(name, "[@#]drover%-e" .. epoch .. "%-(%d+)$")
  if number ~= nil and #number <= 15 and tonumber(number) > last then last = tonumber(number) end
  rows[#rows + 1] = string.format("%s\\t%u\\t%d", name, zfs.get_prop(name, "guid"), at)
  return at
end
for snapshot in zfs.list.snapshots(ds) do
  local at = note(snapshot)
  if at > txg then final, txg = string.match(snapshot, "@(.*)$"), at end
  if #rows > ${mostCopies} then return "it has many snapshots" end
end
for bookmark in zfs.list.bookmarks(ds) do
  note(bookmark)
  if #rows > ${mostCopies} then return "it has many bookmarks" end
end
local bytes = zfs.get_prop(ds, "written")
local is_whole = bytes == 0 and final ~= nil and string.match(final, "^drover%-e%d+%-%d+$") ~= nil
if not is_whole then
  final = "drover-e" .. epoch .. "-" .. string.format("%d", last + 1)
  if zfs.check.snapshot(ds .. "@" .. final) ~= 0 then return "it cannot get a snapshot" end
end
for _, pair in ipairs(assigned) do
  if pair[1] ~= "readonly" and zfs.check.set_prop(ds, pair[1], pair[2]) ~= 0 then return "it cannot be set" end
end
for _, pair in ipairs(assigned) do
  if pair[1] ~= "readonly" and own(pair[1]) ~= pair[2] then assert(zfs.sync.set_prop(ds, pair[1], pair[2]) == 0) end
end
if not is_whole then
  assert(zfs.sync.snapshot(ds .. "@" .. final) == 0)
  note(ds .. "@" .. final)
end
return "frozen " .. final .. " " .. string.format("%d", bytes) .. " " .. zfs.get_prop(ds, "readonly") .. "\\n" .. table.concat(rows, "\\n")
`;

/** The words of one dataset for `takeOverProgram` and its script: DATASET SNAPSHOT VOLUME ROLE OWNER EPOCH DEPLOYMENT NEXT. */
export const takeOverWords = 8;

/**
 * NODE DEPLOYMENT, then the words of each dataset, whose expected values are empty where they must be missing: snapshots
 * and takes over all of them, and returns `taken`, or changes nothing.
 */
export const takeOverProgram = `args = ...
local argv = args["argv"]
local node, deployment = argv[2], argv[3]
if zfs.sync.set_prop == nil then return "it cannot set properties" end
local snapshots, changes = {}, {}
for first = 4, #argv, ${takeOverWords} do
  local ds, snapshot, volume, role, owner, epoch, whose, next_epoch = table.unpack(argv, first, first + ${takeOverWords - 1})
  local expected = { ["drover:vol"] = volume, ["drover:role"] = role, ["drover:owner"] = owner, ["drover:epoch"] = epoch, ["drover:deployment"] = whose }
  for property, wanted in pairs(expected) do
    local value, source = zfs.get_prop(ds, property)
    if source ~= ds then value = nil end
    if (value or "") ~= wanted then return property .. " of " .. ds .. " has changed" end
  end
  if not zfs.exists(ds .. "@" .. snapshot) then snapshots[#snapshots + 1] = ds .. "@" .. snapshot end
  changes[#changes + 1] = { ds, "drover:owner", node }
  changes[#changes + 1] = { ds, "drover:epoch", next_epoch }
  changes[#changes + 1] = { ds, "drover:deployment", deployment }
  changes[#changes + 1] = { ds, "drover:role", "owner" }
end
for _, snapshot in ipairs(snapshots) do
  if zfs.check.snapshot(snapshot) ~= 0 then return "it cannot get a snapshot" end
end
for _, change in ipairs(changes) do
  if zfs.check.set_prop(change[1], change[2], change[3]) ~= 0 then return change[2] .. " cannot be set" end
end
for _, snapshot in ipairs(snapshots) do assert(zfs.sync.snapshot(snapshot) == 0) end
for _, change in ipairs(changes) do assert(zfs.sync.set_prop(change[1], change[2], change[3]) == 0) end
return "taken"
`;

/**
 * COPY ASIDE VOLUME ASSIGNMENTS…: promotes the clone, makes it a volume by the assignments, and makes its origin a retired
 * one with the id VOLUME. Returns `aside`, or changes nothing.
 */
export const asideProgram = `args = ...
local argv = args["argv"]
local copy, aside, retired = argv[1], argv[2], argv[3]
if zfs.sync.set_prop == nil or zfs.sync.promote == nil then return "it cannot set properties" end
local changes = { { aside, "drover:vol", retired }, { aside, "drover:role", "retired" } }
for at = 4, #argv do
  local name, value = string.match(argv[at], "^([^=]*)=(.*)$")
  if name ~= "readonly" then changes[#changes + 1] = { copy, name, value } end
end
if zfs.check.promote(copy) ~= 0 then return "it cannot be promoted" end
for _, change in ipairs(changes) do
  if zfs.check.set_prop(change[1], change[2], change[3]) ~= 0 then return change[2] .. " cannot be set" end
end
assert(zfs.sync.promote(copy) == 0)
for _, change in ipairs(changes) do assert(zfs.sync.set_prop(change[1], change[2], change[3]) == 0) end
return "aside"
`;

/**
 * Shell text: runs a program with DATASET and the remaining arguments, `n` for one that only reads. Prints what it returns
 * as JSON, or nothing where this zfs cannot run it.
 */
export const runProgram = (
  program: string,
  option: '' | 'n' = '',
): string => `$(zfs program -j${option} -- "\${ds%%/*}" - "$ds" "$@" 2>/dev/null <<'LUA'
${program}LUA
)`;
