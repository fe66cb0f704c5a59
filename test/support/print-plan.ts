import type { PortKey } from '../../src/model/cluster.ts';
import type { NameEntry } from '../../src/model/name-table.ts';
import type { Blocker, Plan, Step } from '../../src/model/plan.ts';
import { heldText } from '../../src/plan/names/desired.ts';
import { portText } from '../../src/plan/ports.ts';
import type { NetworkAction } from '../../src/plan/steps/network-tables.ts';

/** The text of a plan in golden files: equal plans have equal texts. */
export function printPlan(plan: Plan): string {
  const lines = [
    ...(plan.steps.length === 0 ? ['nothing to do'] : plan.steps.map(printStep)),
    ...plan.blocked.map(printBlocker),
    ...plan.notes.map((note) => `note: ${note}`),
  ];
  return `${lines.join('\n')}\n`;
}

function printStep(step: Step): string {
  const after = step.after.length === 0 ? '' : ` after ${step.after.join(', ')}`;
  const table =
    step.action.kind === 'replace-network'
      ? ` {${printTable(step.action)}}`
      : step.action.kind === 'set-boot-rules'
        ? ` {alone ${step.action.rules.alone}; peers ${step.action.rules.peers.map(({ address }) => address).join(' ')}}`
        : step.action.kind === 'hold-ports' && step.action.ports.some(({ address }) => address !== undefined)
          ? ` {${step.action.ports.map(heldText).join(', ')}}`
          : '';
  return `${step.id}${table}${after} -- ${step.reason}`;
}

function printTable(action: NetworkAction): string {
  const proxies = action.proxies.map((proxy) => `${portText(proxy)}>${proxy.address}`);
  const parts: readonly (readonly [string, readonly string[]])[] = [
    ['proxies', proxies],
    ['open', texts(action.open)],
    ['peers', action.peers],
    ['at', action.listen ?? []],
    ['names', action.names?.entries.map(printName) ?? []],
    ['resolvers', action.names?.resolvers.map(({ address, networks }) => `${address}=${networks.join('+')}`) ?? []],
    ['drop holds', action.dropHolds.map(heldText)],
    ['only', texts(action.only ?? [])],
  ];
  const filled = parts.filter(([, values]) => values.length > 0);
  return filled.map(([name, values]) => `${name} ${values.join(' ')}`).join('; ');
}

function printName({ application, address, at = 'here', ports, networks }: NameEntry): string {
  const known = networks.map(({ network, names }) => `${network}:${names.join('+')}`).join(',');
  return `${application}=${address}@${at}[${ports.map((port) => `${portText(port)}>${port.meshPort}`).join(' ')}](${known})`;
}

const texts = (keys: readonly PortKey[]): string[] => keys.map(portText);

function printBlocker(blocker: Blocker): string {
  const hint = blocker.hint === undefined ? '' : ` (${blocker.hint})`;
  return `blocked: ${blocker.reason}${hint}`;
}
