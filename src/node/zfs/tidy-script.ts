import { guard } from '../fence.ts';
import { compare, exits, prelude } from './scripts.ts';

/**
 * FENCE DATASET TAG BASE MARK EXPECTED… -- WORDS…, BASE being NAME=GUID, the words those of tidy-words.ts; MARK is not
 * empty where the base gets a bookmark first. Gone where the base is not there. Prints `NAME TAB why` of each that
 * stays although it should not. A name counts only with its guid: it may be another one's by now.
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
