import type { Application, Link } from './config.ts';

/**
 * The four variables of each link (flocker/node/_deploy.py): ALIAS_PORT_<local>_TCP and its _ADDR, _PORT and _PROTO.
 * `address` belongs to the node of the linking container; that node forwards to the node of the target.
 */
export function linkVariables(links: readonly Link[], address: string): Record<string, string> {
  return Object.fromEntries(links.flatMap((link) => variablesOf(link, address)));
}

function variablesOf({ alias, localPort, remotePort }: Link, address: string): [string, string][] {
  const base = `${alias.toUpperCase().replaceAll('-', '_')}_PORT_${localPort}_TCP`;
  const host = address.includes(':') ? `[${address}]` : address;
  return [
    [base, `tcp://${host}:${remotePort}`],
    [`${base}_ADDR`, address],
    [`${base}_PORT`, String(remotePort)],
    [`${base}_PROTO`, 'tcp'],
  ];
}

/** The environment of the application's container on the node with this address; explicit entries override links. */
export function containerEnvironment(
  app: Pick<Application, 'links' | 'environment'>,
  address: string,
): Readonly<Record<string, string>> {
  return app.links.length === 0 ? app.environment : { ...linkVariables(app.links, address), ...app.environment };
}
