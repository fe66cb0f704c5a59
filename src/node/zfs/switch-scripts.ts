import { guard, leaveIfLate } from '../fence.ts';
import { compare, exits, prelude, unmountCommands } from './scripts.ts';
import { seal } from './seal.ts';

// What a move asks of a volume while its application is down: one script for each step, because each session costs
// more than the commands in it. Fixed texts, data only through arguments, as in zfs-scripts.ts.

/**
 * FENCE DATASET TAG COLUMNS EXPECTED… -- ASSIGNMENTS…: prints the facts as \`zfs get\` has them, its snapshots and
 * bookmarks, and the final snapshot where one was taken, with lines with \x1e between. Unmounted before anything is
 * compared, since that may take seconds, for which no other command of drover is made to wait; what turns out to be
 * another volume than was seen is mounted again.
 */
export const freezeScript = `${prelude}${seal}
fence=$1 ds=$2 tag=$3 columns=$4
shift 4
${leaveIfLate}${unmountCommands}
unmount
${guard}facts=$(zfs get -Hp -o name,property,value,source "$columns" "$ds") || exit 1
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
said=$(zfs hold "$tag" "$ds@$final" 2>&1) || zfs holds -H "$ds@$final" 2>/dev/null | cut -f 2 | grep -qxF -- "$tag" ||
  { printf '%s\\n' "$said" >&2; exit 1; }
wait
printf '%s\\n\\036\\n%s\\n\\036\\n%s\\n' "$facts" "$copies" "$taken"
`;

/**
 * FENCE DATASET EXPECTED… -- ASSIGNMENTS…: prints \`empty\` or \`filled\` and the directory; gone where that is
 * missing.
 */
export const acquireScript = `${prelude}${seal}
fence=$1 ds=$2 columns=mounted,mountpoint,overlay,
shift 2
${guard}${compare}
zfs set "$@" "$ds" || exit 1
if [ "\${all[mounted]}" != yes ]; then
  seal "$ds" "\${all[mountpoint]}" "\${all[overlay]}"
  zfs mount "$ds" || exit 1
fi
directory=\${all[mountpoint]}/data
[ -d "$directory" ] || exit ${exits.gone}
state=empty
[ -z "$(find "$directory" -mindepth 1 -maxdepth 1 -print -quit)" ] || state=filled
printf '%s\\n%s' "$state" "$directory"
`;
