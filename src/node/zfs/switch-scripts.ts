import type { Leftovers, Mark } from '../../engine/run/leftovers.ts';
import { AppError } from '../../model/errors.ts';
import { isOurSnapshot } from '../../model/names.ts';
import { isZfsNumber } from '../../model/untrusted.ts';
import { guard, leaveIfLate } from '../fence.ts';
import { checkName } from './names.ts';
import { compareProgram, freezeProgram, runProgram, takeOverProgram, takeOverWords } from './programs.ts';
import { compare, exits, hereCommands, prelude, seal, unmountCommands } from './scripts.ts';

// The steps of a move while the application is down: one script for each step, because a session takes longer than the
// commands in it. Fixed texts, data only through arguments, as in scripts.ts.

/**
 * FENCE DATASET TAG COLUMNS EXPECTED… -- ASSIGNMENTS…: unmounts the volume, sets it frozen, takes and holds the final
 * snapshot. Prints the properties as `zfs get` does, then snapshots and bookmarks, then the final snapshot if one was
 * taken, separated by lines of \x1e; or what freezeProgram returns. Unmounts before it compares, because that can take
 * seconds, for which other commands of drover should not wait. If the volume is not as it was seen, it is mounted again.
 */
export const freezeScript = `${prelude}${seal}
fence=$1 ds=$2 tag=$3 columns=$4
shift 4
${leaveIfLate}${unmountCommands}
unmount
keep_final() { # in the background: both wait for the pool
  zfs hold "$tag" "$ds@$final" 2>/dev/null || zfs holds -H "$ds@$final" 2>/dev/null | cut -f 2 | grep -qxF -- "$tag" || zfs hold "$tag" "$ds@$final"
}
${guard}said=${runProgram(freezeProgram)}
if [[ $said =~ ^\\{\\"return\\":\\"frozen\\ (drover-e[0-9]+-[0-9]+)\\ [0-9]+\\ (on|off) ]]; then
  final=\${BASH_REMATCH[1]}
  seal "$ds" "$place" 8>&- &
  keep_final 8>&- & hold=$!
  [ "\${BASH_REMATCH[2]}" = on ] || zfs set readonly=on "$ds" || exit 1
  wait $hold || exit 1
  wait
  printf '%s\\n' "$said"
  exit 0
fi
facts=$(zfs get -Hp -o name,property,value,source "$columns" "$ds") || exit 1
declare -A now=() all=()
while IFS=$'\\t' read -r _ name value source; do
  all[$name]=$value
  [ "$source" != local ] || now[$name]=$value
done <<<"$facts"
while [ "$1" != -- ]; do
  name=\${1%%=*}
  if [ "\${now[$name]-}" != "\${1#*=}" ]; then
    cut -f 2- <<<"$facts" | grep '^drover:'
    [ $was = no ] || zfs mount "$ds"
    exit ${exits.conflict}
  fi
  shift
done
shift
[ "\${now[drover:role]-}" = frozen ] || zfs set "$@" "$ds" || exit 1
seal "$ds" "\${all[mountpoint]}" "\${all[overlay]}" 8>&- &
copies=$(zfs list -Hp -d 1 -t filesystem,snapshot,bookmark -s createtxg -o name,guid,createtxg,written "$ds") || exit 1
final= last=0 written=0
while IFS=$'\\t' read -r name _ _ bytes; do
  case $name in "$ds") written=$bytes ;; "$ds@"*) final=\${name#*@} ;; "$ds#"*) ;; *) continue ;; esac
  if [[ $name =~ [@#]drover-e\${now[drover:epoch]-}-([0-9]{1,15})$ ]]; then
    ((10#\${BASH_REMATCH[1]} <= last)) || last=$((10#\${BASH_REMATCH[1]}))
  fi
done <<<"$copies"
taken=
if ! [[ $final =~ ^drover-e[0-9]+-[0-9]+$ && $written = 0 ]]; then
  final=drover-e\${now[drover:epoch]-0}-$((last + 1))
  zfs snapshot "$ds@$final" || exit 1
  taken=$(zfs list -Hp -o name,guid,createtxg,written "$ds@$final") || exit 1
fi
keep_final || exit 1
wait
printf '%s\\n\\036\\n%s\\n\\036\\n%s\\n' "$facts" "$copies" "$taken"
`;

/**
 * FENCE DATASET EXPECTED… -- ASSIGNMENTS…: sets the properties of an owner and mounts it. Prints `empty` or `filled` and
 * the directory; `gone` where that is missing.
 */
export const acquireScript = `${prelude}${seal}${hereCommands}
fence=$1 ds=$2 columns=mounted,mountpoint,overlay,
shift 2
${guard}declare -A all=()
said=${runProgram(compareProgram, 'n')}
if [[ $said =~ ^\\{\\"return\\":\\"same\\ (/[^\\"\\\\]*)\\"\\}$ ]]; then
  all[mountpoint]=\${BASH_REMATCH[1]}
  while [ "$1" != -- ]; do shift; done
  shift
else
  ${compare.trimEnd()}
fi
zfs set "$@" "$ds" || exit 1
if ! here; then
  seal "$ds" "\${all[mountpoint]}" "\${all[overlay]-}"
  zfs mount "$ds" || exit 1
  here || place=\${all[mountpoint]}
fi
directory=$place/data
[ -d "$directory" ] || exit ${exits.gone}
state=empty
[ -z "$(find "$directory" -mindepth 1 -maxdepth 1 -print -quit)" ] || state=filled
printf '%s\\n%s' "$state" "$directory"
`;

/**
 * FENCE NODE DEPLOYMENT, then the words of each dataset (`takeOverWords`): takes snapshots and makes them the owner's. The
 * datasets become writable first: they are not mounted, and after a power cut in between an owner can be written to.
 */
export const takeOverScript = `${prelude}
fence=$1
shift
${guard}node=$1 deployment=$2 datasets=() ds=
all=("$@")
for ((at = 2; at < $#; at += ${takeOverWords})); do
  ds=\${all[at]}
  datasets+=("$ds")
  declare -A now=()
  facts=$(zfs get -Hp -s local -o property,value drover:vol,drover:role,drover:owner,drover:epoch,drover:deployment "$ds") || exit 1
  while IFS=$'\t' read -r name value; do [ -z "$name" ] || now[$name]=$value; done <<<"$facts"
  seen=("\${all[@]:at+2:5}")
  names=(drover:vol drover:role drover:owner drover:epoch drover:deployment)
  for i in 0 1 2 3 4; do
    [ "\${now[\${names[i]}]-}" = "\${seen[i]}" ] || { printf '%s\n%s\n' "$ds" "$facts"; exit ${exits.conflict}; }
  done
  unset now
done
zfs set readonly=off "\${datasets[@]}" || exit 1
ds=\${datasets[0]}
said=${runProgram(takeOverProgram)}
[ "$said" != '{"return":"taken"}' ] || exit 0
for ((at = 2; at < $#; at += ${takeOverWords})); do
  ds=\${all[at]} snapshot=\${all[at]}@\${all[at + 1]}
  zfs list -H -t snapshot -o name "$snapshot" >/dev/null 2>&1 || zfs snapshot "$snapshot" || exit 1
  zfs set drover:role=owner drover:owner="$node" drover:epoch="\${all[at + 7]}" drover:deployment="$deployment" "$ds" || exit 1
done
`;

/**
 * FENCE DATASET TAG BASE MARK EXPECTED… -- WORDS…: destroys and releases what the words of tidyWords list. BASE is
 * NAME=GUID; `gone` where it does not exist. With a MARK, the base first gets a bookmark. Prints `NAME TAB WHY` for what
 * could not be removed. Names count only with their guid, since a name may have been reused.
 */
export const tidyScript = `${prelude}
fence=$1 ds=$2 tag=$3 base=$4 mark=$5 columns= blanks=$'[\\t\\n]'
shift 5
${guard}${compare}
declare -A there=() held=()
copies=$(zfs list -Hp -d 1 -t snapshot,bookmark -o name,guid "$ds") || exit 1
while IFS=$'\\t' read -r name value; do [ -z "$name" ] || there[$name]=$value; done <<<"$copies"
kept=\${base%%=*} guid=\${base#*=}
[ "\${there[$ds@$kept]-}" = "$guid" ] || exit ${exits.gone}
[ -z "$mark" ] || [ "\${there[$ds#$kept]-}" = "$guid" ] || zfs bookmark "$ds@$kept" "$ds#$kept" || exit 1
named=()
for word; do
  word=\${word#-} full=$ds\${word%%=*}
  case $word in @drover-*) [ -z "\${there[$full]-}" ] || named+=("$full") ;; '#drover-'*) ;; *) exit 1 ;; esac
done
[ \${#named[@]} = 0 ] || while IFS=$'\\t' read -r name value _; do
  [ "$value" != "$tag" ] || held[$name]=yes
done <<<"$(zfs holds -H "\${named[@]}" 2>/dev/null)"
for word; do
  name=\${word#-} full=$ds\${name%%=*} found=\${there[$full]-}
  [ -n "$found" ] || continue
  if [ "$found" != "\${word#*=}" ]; then
    said="its guid is $found, not \${word#*=}"
  elif [ -n "\${held[$full]-}" ] && ! said=$(zfs release "$tag" "$full" 2>&1); then
    :
  elif [ "$name" = "$word" ] || said=$(zfs destroy "$full" 2>&1); then
    continue
  else
    zfs list -H -t snapshot,bookmark -o name "$full" >/dev/null 2>&1 || continue
    case $(zfs get -H -o value clones "$full" 2>/dev/null) in '' | -) ;; *) continue ;; esac
  fi
  printf '%s\\t%s\\n' "$full" "\${said//$blanks/ }"
done
exit 0
`;

/** How many words a command gets: others wait for the lock under which it runs. */
const wordsPerCommand = 32;

/**
 * The words of `tidyScript`: `-@NAME=GUID` and `-#NAME=GUID` are destroyed, `@NAME=GUID` only loses its hold. In groups
 * of at most 32; at least one group. Throws `volume-conflict` for a name that is not drover's, and where the base would
 * be destroyed.
 */
export function tidyWords({ base, snapshots, bookmarks, released }: Leftovers): readonly (readonly string[])[] {
  const destroyed = [...snapshots, ...bookmarks].find(({ guid }) => guid === base.guid);
  if (destroyed !== undefined) throw mustStay(destroyed.name, 'the copies have it in common');
  const words = [
    ...snapshots.map((one) => `-@${markWord(one)}`),
    ...bookmarks.map((one) => `-#${markWord(one)}`),
    ...released.map((one) => `@${markWord(one)}`),
  ];
  const groups = Array.from({ length: Math.ceil(words.length / wordsPerCommand) }, (_, index) =>
    words.slice(index * wordsPerCommand, (index + 1) * wordsPerCommand),
  );
  return groups.length === 0 ? [[]] : groups;
}

/** `NAME=GUID`; throws `volume-conflict` where that is not one of drover's. */
export function markWord({ name, guid }: Mark): string {
  if (!isOurSnapshot(name)) throw mustStay(name, "it is not one of drover's own");
  if (!isZfsNumber(guid)) throw mustStay(name, 'its guid is not a number');
  return `${checkName(name)}=${guid}`;
}

function mustStay(name: string, why: string): AppError {
  return new AppError('volume-conflict', `cannot destroy ${JSON.stringify(name)}: ${why}`);
}
