import { readLinks, resolveLinks } from '../fig-form.ts';
import { readPorts } from './ports.ts';
import { type ComposeArea, readKey } from './service.ts';

/** Ports, and how services reach each other. */
export const networkArea: ComposeArea = {
  read: (service, draft) => ({ ...draft, ports: readKey(service, 'ports', readPorts) ?? [] }),
  finish: (services, { names }) => {
    const linked = services.map(({ service, draft }) => ({
      draft,
      links: readKey(service, 'links', readLinks) ?? [],
    }));
    const drafts = resolveLinks(linked, names);
    return services.map(({ service, draft }, index) => ({ service, draft: drafts[index] ?? draft }));
  },
};
