import type { FirewallDrop } from '../../model/examination.ts';

interface Chain {
  readonly table: string;
  readonly name: string;
  readonly hook?: FirewallDrop['hook'];
  readonly dropsByPolicy: boolean;
  readonly rules: readonly { readonly text: string; readonly handle: number }[];
}

/** drover's own tables, and the chains that Docker makes for its networks: neither blocks what drover publishes. */
const ownTables = new Set(['inet drover', 'inet drover_names']);
const dockers = /^DOCKER(?!-USER)|^DROVER-FORWARD$|^(?:raw-|filter-)?(?:nat|forward|prerouting)-docker/;
/** Docker's guard of its containers' addresses: it drops only packets that bypass the published port. */
const dockersGuard = /[io]ifname != "(?:docker0|br-(?:[0-9a-f]{12}|d[iv][0-9a-f]{10}))"/;

/**
 * What may stop a packet on its way to or through a node, from `nft -a list ruleset`: policies and rules that drop or
 * reject, in chains at the hooks and in those they jump to. Rules about invalid packets do not count.
 */
export function parseDrops(ruleset: string): readonly FirewallDrop[] {
  const chains = parseChains(ruleset);
  const byName = new Map(chains.map((chain) => [`${chain.table} ${chain.name}`, chain]));
  return chains.flatMap((base) => {
    if (base.hook === undefined || ownTables.has(base.table)) return [];
    const { hook, table, name } = base;
    const seen = new Set<Chain>();
    const rules = walk(base, byName, seen).map((drop): FirewallDrop => ({ ...drop, hook }));
    return base.dropsByPolicy ? [...rules, { hook, table, chain: name, rule: 'policy drop' }] : rules;
  });
}

/** The kernel allows 16 nested jumps (NFT_JUMP_STACK_SIZE). */
const deepest = 16;

function walk(
  chain: Chain,
  byName: ReadonlyMap<string, Chain>,
  seen: Set<Chain>,
  depth = 0,
): readonly Omit<FirewallDrop, 'hook'>[] {
  if (depth > deepest || seen.has(chain) || dockers.test(chain.name)) return [];
  seen.add(chain);
  return chain.rules.flatMap(({ text, handle }) => {
    const to = /\b(?:jump|goto) ([\w-]+)/.exec(text)?.[1];
    const next = to === undefined ? undefined : byName.get(`${chain.table} ${to}`);
    if (next !== undefined) return walk(next, byName, seen, depth + 1);
    const said = text.replace(/(?:comment|prefix) "[^"]*"/g, '');
    const stops = /\b(?:drop|reject)\b|xt target "(?:DROP|REJECT)"/.test(said);
    if (!stops || /\binvalid\b/.test(said) || dockersGuard.test(said)) return [];
    return [{ table: chain.table, chain: chain.name, handle, rule: text }];
  });
}

function parseChains(ruleset: string): readonly Chain[] {
  const chains: (Chain & { rules: { text: string; handle: number }[] })[] = [];
  let table = '';
  let inChain = false;
  for (const raw of ruleset.split('\n')) {
    const line = raw.trim();
    const [, family, name] = /^table (\S+) (\S+) \{/.exec(line) ?? [];
    const chain = /^chain (\S+) \{/.exec(line)?.[1];
    if (family !== undefined && name !== undefined) table = `${family} ${name}`;
    else if (chain !== undefined) {
      chains.push({ table, name: chain, dropsByPolicy: false, rules: [] });
      inChain = true;
    } else if (line.startsWith('}')) inChain = false;
    else if (inChain) readLine(chains, line);
  }
  return chains;
}

function readLine(chains: (Chain & { rules: { text: string; handle: number }[] })[], line: string): void {
  const current = chains.at(-1);
  if (current === undefined) return;
  const [, type, hook, rest = ''] = /^type (\w+) hook (\w+) (.*)$/.exec(line) ?? [];
  if (type === 'filter' && (hook === 'prerouting' || hook === 'input' || hook === 'forward')) {
    chains[chains.length - 1] = { ...current, hook, dropsByPolicy: /policy drop/.test(rest) };
    return;
  }
  const [, text, handle] = /^(.*) # handle (\d+)$/.exec(line) ?? [];
  if (text !== undefined) current.rules.push({ text, handle: Number(handle) });
}

/**
 * Peers whose forwards are accepted, from `iptables -S` and `ip6tables -S` of DOCKER-USER and of drover's own chain;
 * undefined where there is neither.
 */
export function parseAccepted(text: string): readonly string[] | undefined {
  if (!/-N (?:DOCKER-USER|DROVER-FORWARD)/.test(text)) return undefined;
  return text
    .split('\n')
    .filter((line) => line.includes('--ctstate DNAT') && !line.includes('dstport') && line.endsWith('-j ACCEPT'))
    .flatMap((line) => /--ctreplsrc (\S+)/.exec(line)?.[1]?.replace(/\/(?:32|128)$/, '') ?? []);
}
