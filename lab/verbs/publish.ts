/** publish PORT…: ports of a lab without root, opened on the nodes' loopback addresses. */
import { readFile } from 'node:fs/promises';
import { LabError, UsageError } from '../errors.mjs';
import { indexesOf } from '../nodes.mjs';
import { addressOf, reachOf, SSH_PORT } from '../paths.mjs';
import { networkIsUp, publish as openPort } from '../rootless/network.mjs';
import { labName, requireLab, withLab, writeLab } from '../store.mjs';

const UNPRIVILEGED = '/proc/sys/net/ipv4/ip_unprivileged_port_start';

/** "27017", "8080:80", with commas or as several words -> `[{here, there}]`. */
export function readPorts(words) {
  const ports = words
    .flatMap((word) => word.split(','))
    .filter(Boolean)
    .map((text) => {
      const [here, there = here] = text.split(':').map(Number);
      const fits = [here, there].every((port) => Number.isInteger(port) && port >= 1 && port <= 65_535);
      if (!fits || text.split(':').length > 2) {
        throw new UsageError(`"${text}" is no port; write PORT, or HERE:PORT where it has another number here.`);
      }
      if (here === SSH_PORT)
        throw new UsageError(`Port ${SSH_PORT} is the nodes' ssh here; write HERE:${there} with another.`);
      return { here, there };
    });
  return ports.filter(({ here }, at) => ports.findIndex((other) => other.here === here) === at);
}

export async function refusePrivileged(ports) {
  const first = Number(await readFile(UNPRIVILEGED, 'utf8').catch(() => '1024'));
  const low = ports.find(({ here }) => here < first);
  if (low === undefined || process.getuid() === 0) return;
  throw new LabError(
    `Only root may open port ${low.here} here; publish it under another number, such as ${8000 + low.here}:${low.there}.`,
  );
}

const urlsOf = (lab, { here, there }) => {
  const places = indexesOf(lab).map((index) => `${reachOf(lab, index).host}:${here}`);
  return `  port ${there} of each node  ${places.join('  ')}`;
};

export const tellPublished = (lab) => (lab.published ?? []).map((port) => urlsOf(lab, port));

export async function publish(values, words) {
  const name = labName(values);
  const ports = readPorts(words);
  if (ports.length === 0) throw new UsageError('Say which ports, such as `npm run lab -- publish 27017`.');
  await withLab(name, async () => {
    const lab = await requireLab(name);
    if (!lab.rootless) {
      throw new LabError(
        `The nodes of the lab "${name}" are reached at their own addresses, such as ${addressOf(1)}; nothing need be published.`,
      );
    }
    await refusePrivileged(ports);
    const fresh = ports.filter(({ here }) => !lab.published?.some((known) => known.here === here));
    // A lab that is off opens them when it comes up.
    if (networkIsUp(lab)) for (const port of fresh) await openPort(lab, port);
    lab.published = [...(lab.published ?? []), ...fresh];
    await writeLab(lab);
    process.stdout.write(`${ports.map((port) => urlsOf(lab, port)).join('\n')}\n`);
  });
}
