import type { Draft } from '../../draft.ts';
import { complain, type Place } from '../../fields.ts';
import { quote } from '../../yaml/yaml-node.ts';
import { readExpose } from '../exposed-ports.ts';
import { readLinks, resolveLinks } from '../fig-form.ts';
import { checkHostName, readServiceNetworks, readTopNetworks } from './networks.ts';
import { readPorts } from './ports.ts';
import { type ComposeArea, type ComposeFile, type ReadService, readKey } from './service.ts';

/** Ports, and how services reach each other. */
export const networkArea: ComposeArea = {
  read: (service, draft) => {
    const { ports, exposes } = readKey(service, 'ports', readPorts) ?? { ports: [], exposes: [] };
    const all = [...exposes, ...(readKey(service, 'expose', readExpose) ?? [])];
    return { ...draft, ports, ...(all.length === 0 ? {} : { exposes: all }) };
  },
  finish: (services, file) => {
    const networks = readTopNetworks(file.entries.get('networks'));
    const named = services.map(({ service, draft }) => {
      const own = readServiceNetworks(service, networks);
      return { service, draft: own === undefined ? draft : { ...draft, networks: own } };
    });
    checkContainerNames(named, file);
    const linked = named.map(({ service, draft }) => ({ draft, links: readKey(service, 'links', readLinks) ?? [] }));
    checkLinks(linked);
    const drafts = resolveLinks(linked, file.names);
    return named.map(({ service, draft }, index) => ({ service, draft: drafts[index] ?? draft }));
  },
};

/** A container name is unique on a host, and so it is among the services and their container names. */
function checkContainerNames(services: readonly ReadService[], { names }: ComposeFile): void {
  const seen = new Map<string, Place>();
  for (const { service } of services) {
    const place = service.entries.get('container_name');
    if (place?.node.kind !== 'scalar') continue;
    const name = place.node.source;
    const earlier = seen.get(name);
    if (earlier !== undefined) {
      complain(place, `the container name ${quote(name)} is used already at ${earlier.path}`, 'choose another name');
    } else if (name !== service.name && names.has(name)) {
      complain(place, `${quote(name)} is the name of another service`, 'choose another container name');
    }
    seen.set(name, place);
  }
}

/** A link gives a name, which leads nowhere where the two services share no network. */
function checkLinks(linked: Parameters<typeof resolveLinks>[0]): void {
  const byName = new Map(linked.map(({ draft }) => [draft.name, draft]));
  for (const { draft, links } of linked) {
    for (const { value, place } of links) {
      const target = byName.get(value.target);
      if (!checkHostName(place, value.alias) || target === undefined || sharesNetwork(draft, target)) continue;
      complain(
        place,
        `${quote(draft.name)} shares no network with ${quote(value.target)}, to which it links`,
        `put both on one of their networks`,
      );
    }
  }
}

function sharesNetwork(one: Draft, other: Draft): boolean {
  const of = ({ networks = [{ network: 'default', aliases: [] }] }: Draft) => networks.map(({ network }) => network);
  const others = new Set(of(other));
  return of(one).some((network) => others.has(network));
}
