import type { Application, Link } from './config.ts';

/**
 * Docker-style variables of links (Flocker, `flocker/node/_deploy.py`): four for each, with the address of the node
 * that runs the linking container; that node's table carries the traffic on to wherever the target is.
 */
export function linkVariables(links: readonly Link[], address: string): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const { alias, localPort, remotePort } of links) {
    const base = `${alias.toUpperCase().replaceAll('-', '_')}_PORT_${localPort}_TCP`;
    variables[base] = `tcp://${address}:${remotePort}`;
    variables[`${base}_ADDR`] = address;
    variables[`${base}_PORT`] = String(remotePort);
    variables[`${base}_PROTO`] = 'tcp';
  }
  return variables;
}

/** Everything the container gets: link variables, then the application's own, which win. */
export function containerEnvironment(app: Application, address: string): Record<string, string> {
  return { ...linkVariables(app.links, address), ...app.environment };
}
