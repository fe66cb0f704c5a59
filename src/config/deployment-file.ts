import { type DisabledServices, enableHint, profilesOf } from './compose/profiles.ts';
import { renameTo, suggest } from './did-you-mean.ts';
import {
  complain,
  complainAtKey,
  type Fields,
  inQuotes,
  keysOfMaps,
  note,
  type Place,
  type Placed,
  readFields,
  readItems,
  readText,
  required,
  scalarAt,
} from './fields.ts';
import { checkVersion } from './forms/native-form.ts';
import { hostComplaint } from './values.ts';
import { isNothing, quote } from './yaml/yaml-node.ts';

/** One node of the deployment file. */
export interface DeployedNode {
  readonly name: string;
  /** Its key is the node's name. */
  readonly place: Place;
  readonly applications: readonly Placed<string>[];
}

/** The applications that a deployment file may name, and those that Compose's profiles leave out. */
export interface KnownApplications {
  readonly names: ReadonlySet<string>;
  readonly disabled?: DisabledServices;
}

/** Said wherever a deployment file is cut off or empty: that is never an order to remove everything. */
export const nothingRemoved = 'nothing is removed because of it';

const shape = 'write "nodes:" and below it each node with a list of applications; [] for an idle one';

/** `version: 1` and `nodes`; other keys of the top level are ignored, as in Flocker. */
export function readDeploymentFile(
  root: Place,
  applications: KnownApplications | undefined,
  namedNodes: ReadonlySet<string>,
): DeployedNode[] {
  const fields = readFields(root, 'the deployment configuration', shape);
  if (fields === undefined) return [];
  checkVersion(required(fields, 'version', 'write "version: 1" at the top of the file'));
  const place = fields.entries.get('nodes');
  if (place === undefined || isNothing(place.node)) {
    reportNoNodes(fields, place);
    return [];
  }
  const nodes = readFields(place, '"nodes"', shape);
  // A name that is corrected must not be on a node already.
  const taken = new Set([...(nodes?.entries.values() ?? [])].flatMap(textsOf));
  return [...(nodes?.entries ?? [])].map(([name, place]) => {
    checkNodeName(name, place, namedNodes);
    return { name, place, applications: readApplications(name, place, applications, taken) };
  });
}

function reportNoNodes(fields: Fields, place: Place | undefined): void {
  if (place !== undefined) {
    complain(place, `"nodes" must be a mapping, not nothing; ${nothingRemoved}`, shape);
    return;
  }
  complainAtKey(fields.place, `"nodes" is missing; ${nothingRemoved}`, () => {
    return renameTo('nodes', keysOfMaps(fields)) ?? shape;
  });
}

function checkNodeName(name: string, place: Place, namedNodes: ReadonlySet<string>): void {
  if (place.key !== undefined && place.key.type !== 'text') {
    complainAtKey(
      place,
      `a node must be a name or an address, not ${quote(name)} unquoted`,
      inQuotes(place.key, 'put the name in quotes'),
    );
    return;
  }
  if (namedNodes.has(name)) return;
  const complaint = hostComplaint(name);
  if (complaint === undefined) return;
  const hint = 'write a host name, an address, or a name from drover.yml; user and port belong into drover.yml';
  complainAtKey(place, `the node ${complaint}`, () => suggest(place.key, namedNodes) ?? hint);
}

function readApplications(
  node: string,
  place: Place,
  known: KnownApplications | undefined,
  taken: Set<string>,
): readonly Placed<string>[] {
  const hint = 'write [] for a node without applications';
  const items = readItems(place, `the node ${quote(node)}`, 'a list of applications', hint) ?? [];
  return items.flatMap((item) => {
    const name = readText(item, 'an application name');
    if (name === undefined) return [];
    const profiles = known?.disabled?.get(name);
    if (profiles !== undefined) {
      note(item, `the service ${quote(name)} is disabled: ${profilesOf(profiles)}; ${enableHint(profiles)}`);
      return [];
    }
    if (known !== undefined && !known.names.has(name)) {
      complain(item, `unknown application ${quote(name)}`, () => suggest(scalarAt(item), known.names, taken));
      return [];
    }
    return [{ value: name, place: item }];
  });
}

const textsOf = ({ node }: Place): readonly string[] =>
  node.kind === 'list' ? node.items.flatMap((item) => (item.kind === 'scalar' ? [item.source] : [])) : [];
