import { defined } from '../../../model/defined.ts';
import { suggest } from '../../did-you-mean.ts';
import type { Draft } from '../../draft.ts';
import {
  complain,
  entriesOf,
  type Place,
  type Placed,
  readFields,
  readItems,
  readText,
  scalarAt,
} from '../../fields.ts';
import { quote } from '../../yaml/yaml-node.ts';
import { placed } from '../read-parts.ts';
import { checkKeys } from './check-keys.ts';
import { type ComposeArea, readKey } from './service.ts';

/** What starts after what, and health. */
export const orderArea: ComposeArea = {
  read: (service, draft) => ({ ...draft, ...defined({ dependsOn: readKey(service, 'depends_on', readDependsOn) }) }),
  finish: (services, { names }) => {
    checkDependencies(
      services.map(({ draft }) => draft),
      names,
    );
    return services;
  },
};

function readDependsOn(place: Place): Placed<string>[] {
  if (place.node.kind !== 'map') {
    const items = readItems(place, '"depends_on"', 'a list of services') ?? [];
    return items.flatMap((item) => placed(readText(item, 'a service to depend on'), item));
  }
  return [...entriesOf(place)].map(([name, entry]) => {
    const option = readFields(entry, `the dependency on ${quote(name)}`)?.entries.get('condition');
    checkKeys(entry, 'depends_on');
    if (option !== undefined && !(option.node.kind === 'scalar' && option.node.value === 'service_started')) {
      complain(option, 'only the condition "service_started" is supported', 'only the order of starting is kept');
    }
    return { value: name, place: { ...entry, node: { ...entry.node, offset: entry.keyOffset } } };
  });
}

function checkDependencies(drafts: readonly Draft[], names: ReadonlySet<string>): void {
  const byName = new Map(drafts.map((draft) => [draft.name, draft]));
  const done = new Set<string>();
  for (const draft of drafts) {
    for (const { value, place } of draft.dependsOn ?? []) {
      if (names.has(value)) continue;
      complain(place, `"depends_on" names the unknown service ${quote(value)}`, () => suggest(scalarAt(place), names));
    }
    reportCircle(draft, byName, done);
  }
}

/** Depth first without recursion, so that no chain is too long; every service is walked once. */
function reportCircle(start: Draft, byName: ReadonlyMap<string, Draft>, done: Set<string>): void {
  const path: { readonly draft: Draft; next: number }[] = [{ draft: start, next: 0 }];
  const open = new Set([start.name]);
  while (path.length > 0) {
    const top = path[path.length - 1];
    if (top === undefined) return;
    const edge = done.has(top.draft.name) ? undefined : top.draft.dependsOn?.[top.next];
    top.next += 1;
    if (edge === undefined) {
      done.add(top.draft.name);
      open.delete(top.draft.name);
      path.pop();
      continue;
    }
    const target = byName.get(edge.value);
    if (target !== undefined && open.has(target.name)) {
      complain(
        edge.place,
        `"depends_on" goes in a circle: ${quote(target.name)} waits for ${quote(top.draft.name)} too`,
      );
    } else if (target !== undefined && !done.has(target.name)) {
      open.add(target.name);
      path.push({ draft: target, next: 0 });
    }
  }
}
