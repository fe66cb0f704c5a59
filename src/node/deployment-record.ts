import type { Container } from '../model/cluster.ts';
import type { DeploymentName } from '../model/config.ts';
import { AppError } from '../model/errors.ts';
import { isDeploymentName } from '../model/untrusted.ts';
import { type Fence, guard, tooLate } from './fence.ts';
import type { NodeConnection } from './ssh/connection.ts';
import { exits, prelude } from './zfs/scripts.ts';

/** The deployments of containers whose labels lack them: lines of `ID NAME`; the last line of an id counts. */
const recordFolder = '/var/lib/drover';
const recordFile = `${recordFolder}/deployments`;
const longestRecord = 262_144;

/** Prints the record; nothing where there is none. */
export const readRecordCommand = `{ [ ! -f ${recordFile} ] || tail -c ${longestRecord} ${recordFile}; }`;

/** FENCE NAME ID…: adds a line for each id. Of the older lines it keeps the last thousand whose containers still exist. */
const adoptScript = `${prelude}
umask 077
fence=$1 name=$2; shift 2
${guard}mkdir -p ${recordFolder} || exit 1
[ ! -L ${recordFile} ] || { echo '${recordFile} is a symbolic link' >&2; exit 1; }
there=$(docker ps -aq --no-trunc) || exit 1
new=$(mktemp ${recordFile}.XXXXXX) || exit 1
{
  [ ! -f ${recordFile} ] || while read -r id kept; do
    case $'\n'$there$'\n' in *$'\n'"$id"$'\n'*) printf '%s %s\n' "$id" "$kept" ;; esac
  done <${recordFile} | tail -n 1000
  for id; do printf '%s %s\n' "$id" "$name"; done
} >"$new" && sync "$new" && mv "$new" ${recordFile} && sync ${recordFolder}
`;

/** The deployment's name in a label or record of a node; undefined for anything that is not a valid name. */
export function parseDeployment(text: string | undefined): DeploymentName | undefined {
  return isDeploymentName(text) ? text : undefined;
}

/** The containers with the deployments that the node's record gives them. */
export function withRecord(containers: readonly Container[], record: string): readonly Container[] {
  const names = new Map<string, DeploymentName>();
  for (const line of record.split('\n')) {
    const [id = '', word] = line.split(' ');
    const name = parseDeployment(word);
    if (name !== undefined) names.set(id, name);
  }
  return containers.map((container) => {
    const deployment = container.managed ? names.get(container.id) : undefined;
    return deployment === undefined ? container : { ...container, deployment };
  });
}

const idPattern = /^[0-9a-f]{64}$/;

/** Records that the containers belong to the deployment; see `ContainerRuntime.adopt`. */
export async function adoptContainers(
  connection: NodeConnection,
  fence: Fence,
  ids: readonly string[],
  deployment: DeploymentName,
  signal: AbortSignal,
): Promise<void> {
  const { node } = connection;
  const what = 'record the deployment of containers';
  if (parseDeployment(deployment) === undefined || !ids.every((id) => idPattern.test(id))) {
    throw new AppError('docker-failed', `cannot ${what} on "${node}": a name or an id is not valid`);
  }
  if (ids.length === 0) return;
  const args = [fence.token, deployment, ...ids];
  const { code } = await connection.script(adoptScript, args, { signal, okCodes: [0, exits.late] });
  if (code === exits.late) throw tooLate(what, node);
}
