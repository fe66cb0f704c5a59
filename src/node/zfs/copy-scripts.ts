import { guard } from '../fence.ts';
import { asideProgram, runProgram } from './programs.ts';
import { compare, exits, prelude } from './scripts.ts';
import { tuningColumns } from './tuning.ts';

// As in scripts.ts: fixed texts, data only through arguments. `zfs program` runs Lua in the kernel, in one transaction
// group. It can set only user properties, so everything else is set on the clone before.

/** POOL: checks that channel programs can do what a swap needs; `conflict`, with the reason on stdout, where not. */
export const checkSwapScript = `${prelude}
said=$(zfs program -n "$1" - 2>&1 <<'LUA'
return zfs.sync.set_prop ~= nil and zfs.sync.promote ~= nil
LUA
) || { printf '%s\\n' "$said"; exit ${exits.conflict}; }
case $said in *true*) ;; *) printf '%s\\n' "$said"; exit ${exits.conflict} ;; esac
`;

/** SNAPSHOT TARGET: makes a clone that is not a volume: read-only, not mounted, without drover's properties. */
export const cloneScript = `${prelude}
zfs clone -o canmount=noauto -o readonly=on -o setuid=off -o devices=off "$1" "$2"
`;

/**
 * FENCE ROOT, then DATASET TARGET RETIRED VOLUME EPOCH DEPLOYMENT for each volume: the clone becomes the volume and the
 * dataset a retired one, for all of them in one transaction. Each dataset must be frozen by this node, with the volume,
 * epoch and deployment that were seen. The transaction compares all facts again and checks every change before it makes
 * the first one. The promotion moves the snapshots on which other nodes' copies are based to the clone. Should zfs refuse
 * a change that it has approved, their order leaves a volume that no plan touches, and never one that seems not to exist.
 */
export const swapScript = `${prelude}
fence=$1 root=$2
shift 2
${guard}node=$(zfs get -H -s local -o value drover:node "$root" 2>/dev/null) && [ -n "$node" ] || exit ${exits.noRoot}
refuse() { printf '%s\\n' "$ds" "$1" "$facts"; exit ${exits.conflict}; }
argv=() targets=() limits=() tunings=()
while [ $# -ge 6 ]; do
  ds=$1 target=$2 retired=$3 id=$4 seen=$5 whose=$6
  shift 6
  facts=$(zfs get -Hp -o property,value,source refquota,drover:vol,drover:role,drover:owner,drover:epoch,drover:name,drover:app,drover:flags,drover:deployment,${tuningColumns.join(',')} "$ds") || exit 1
  tuned= limit=none volume= role= owner= epoch= called= app= flags= deployment=
  while IFS=$'\\t' read -r name value source; do
    case $name:$source in
      refquota:*) [ "$value" = 0 ] || limit=$value ;;
      drover:vol:local) volume=$value ;;
      drover:role:local) role=$value ;;
      drover:owner:local) owner=$value ;;
      drover:epoch:local) epoch=$value ;;
      drover:name:local) called=$value ;;
      drover:app:local) app=$value ;;
      drover:flags:local) flags=$value ;;
      drover:deployment:local) deployment=$value ;;
      ${tuningColumns.map((name) => `${name}:local`).join(' | ')}) tuned="$tuned $name=$value" ;;
    esac
  done <<<"$facts"
  [ "$role" = frozen ] && [ "$owner" = "$node" ] && [ -n "$volume" ] && [ -n "$epoch" ] || refuse 'it is not frozen by this node'
  [ "$volume" = "$id" ] && [ "$epoch" = "$seen" ] || refuse "it is not volume \\"$id\\" with epoch $seen, which was seen"
  [ "$deployment" = "$whose" ] || refuse "it is of the deployment \\"$deployment\\", not \\"$whose\\", which was seen"
  ! grep -qsF -e " - zfs $ds " -e " - zfs $target " /proc/[0-9]*/mountinfo || refuse 'it is mounted'
  [ -z "$(zfs get -H -s local -o value drover:vol,drover:role "$target")" ] || refuse 'the clone is a volume already'
  argv+=("$ds" "$target" "$retired" "$id" "$seen" "$((seen + 1))" "$called" "$app" "$flags" "$deployment")
  targets+=("$target") limits+=("$limit") tunings+=("$tuned")
done
for i in "\${!targets[@]}"; do
  # Unquoted: words of zfs itself, without blanks. A clone has none of what was set on its origin.
  zfs set readonly=off refquota="\${limits[$i]}" \${tunings[$i]} "\${targets[$i]}" || exit 1
done
said=$(zfs program -- "\${root%%/*}" - "$node" "\${argv[@]}" 2>&1 <<'LUA'
args = ...
local argv = args["argv"]
local node = argv[1]
local function value_of(dataset, property)
  local value, source = zfs.get_prop(dataset, property)
  if source ~= dataset then return nil end
  return value
end
local targets = {}
local changes = {}
for first = 2, #argv, 10 do
  local ds, target, retired, volume, epoch, following, called, app, flags, deployment = table.unpack(argv, first, first + 9)
  local expected = { ["drover:vol"] = volume, ["drover:role"] = "frozen", ["drover:owner"] = node, ["drover:epoch"] = epoch }
  for property, value in pairs(expected) do
    if value_of(ds, property) ~= value then error(property .. " of " .. ds .. " has changed") end
  end
  if (value_of(ds, "drover:deployment") or "") ~= deployment then error("the deployment of " .. ds .. " has changed") end
  if value_of(target, "drover:vol") ~= nil then error("the clone is a volume already") end
  targets[#targets + 1] = target
  changes[#changes + 1] = { ds, "drover:role", "retired" }
  changes[#changes + 1] = { target, "drover:owner", node }
  changes[#changes + 1] = { target, "drover:epoch", following }
  if called ~= "" then changes[#changes + 1] = { target, "drover:name", called } end
  if app ~= "" then changes[#changes + 1] = { target, "drover:app", app } end
  if flags ~= "" then changes[#changes + 1] = { target, "drover:flags", flags } end
  if deployment ~= "" then changes[#changes + 1] = { target, "drover:deployment", deployment } end
  changes[#changes + 1] = { target, "drover:role", "owner" }
  changes[#changes + 1] = { target, "drover:vol", volume }
  changes[#changes + 1] = { ds, "drover:vol", retired }
end
local failed
for _, target in ipairs(targets) do
  failed = zfs.check.promote(target)
  if failed ~= 0 then error("the clone cannot be promoted: " .. failed) end
end
for _, change in ipairs(changes) do
  failed = zfs.check.set_prop(change[1], change[2], change[3])
  if failed ~= 0 then error(change[2] .. " cannot be set: " .. failed) end
end
for _, target in ipairs(targets) do
  failed = zfs.sync.promote(target)
  if failed ~= 0 then error("the clone cannot be promoted: " .. failed) end
end
for _, change in ipairs(changes) do
  failed = zfs.sync.set_prop(change[1], change[2], change[3])
  if failed ~= 0 then error(change[2] .. " cannot be set: " .. failed) end
end
return "swapped"
LUA
) || { printf '%s\\n' "$said" >&2; exit 1; }
`;

/**
 * FENCE DATASET ASIDE VOLUME COPY SNAPSHOT EXPECTED… -- ASSIGNMENTS…: renames the dataset to ASIDE and makes it a retired one
 * with the id VOLUME. With COPY, a clone of its snapshot becomes a volume there by the assignments. Each step is left out
 * where an earlier run has done it; without channel programs the clone becomes the volume first, so that there is always one.
 */
export const asideScript = `${prelude}
fence=$1 ds=$2 aside=$3 retired=$4 copy=$5 snapshot=$6 columns=
shift 6
${guard}${compare}
! grep -qsF " - zfs $ds " /proc/[0-9]*/mountinfo || { echo "it is mounted" >&2; exit ${exits.busy}; }
[ "$ds" = "$aside" ] || zfs rename "$ds" "$aside" || exit 1
zfs set readonly=on "$aside" || exit 1
if [ -n "$copy" ]; then
  if ! zfs list -H -o name "$copy" >/dev/null 2>&1; then
    options=(-o canmount=noauto -o readonly=on -o setuid=off -o devices=off)
    while IFS=$'\t' read -r name value; do [ -z "$name" ] || options+=(-o "$name=$value"); done \
      <<<"$(zfs get -Hp -s local -o property,value ${tuningColumns.join(',')} "$aside")"
    zfs clone "\${options[@]}" "$aside@$snapshot" "$copy" || exit 1
  fi
  ds=$copy
  set -- "$aside" "$retired" "$@"
  said=${runProgram(asideProgram)}
  [ "$said" != '{"return":"aside"}' ] || exit 0
  case $(zfs get -H -o value origin "$copy") in "$aside@"*) zfs promote "$copy" || exit 1 ;; esac
  zfs set "\${@:3}" "$copy" || exit 1
fi
zfs set drover:role=retired drover:vol="$retired" "$aside"
`;

/** ROOT SEPARATOR: prints sizes and times of datasets and snapshots, drover's own properties, and the holds. */
export const detailsScript = `${prelude}
zfs list -Hp -r -t filesystem,snapshot -o name,used,referenced,compressratio,creation,userrefs "$1" || {
  zfs list -H -o name "$1" >/dev/null 2>&1 && exit 1
  exit ${exits.noRoot}
}
printf '%s\\n' "$2"
zfs get -Hp -r -t filesystem -s local -o name,property,value drover:vol,drover:name,drover:app,drover:role "$1" || exit 1
printf '%s\\n' "$2"
held=()
while IFS=$'\\t' read -r name refs; do case $refs in 0 | -) ;; *) held+=("$name") ;; esac; done \\
  <<<"$(zfs list -Hp -r -t snapshot -o name,userrefs "$1")"
[ \${#held[@]} = 0 ] || zfs holds -H "\${held[@]}" 2>/dev/null || true
`;
