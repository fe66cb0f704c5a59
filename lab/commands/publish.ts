/** publish PORT…: opens ports of a lab without root on the nodes' loopback addresses. */
import { readFile } from 'node:fs/promises';
import { LabError, UsageError } from '../errors.mjs';
import { indexesOf } from '../nodes.ts';
import { addressOf, reachOf, SSH_PORT } from '../paths.mjs';
import { networkIsUp, publish as openPort } from '../rootless/network.ts';
import { labName, requireLab, withLab, writeLab } from '../store.ts';
import { isRoot } from '../tools.ts';
import type { Lab, PublishedPort, Values } from '../types.ts';

const UNPRIVILEGED = '/proc/sys/net/ipv4/ip_unprivileged_port_start';

/** "27017", "8080:80", with commas or as several words; each port once. Throws UsageError. */
export function readPorts(words: readonly string[]): readonly PublishedPort[] {
  const ports = words
    .flatMap((word: string) => word.split(','))
    .filter(Boolean)
    .map((text: string) => {
      const [here = Number.NaN, there = here] = text.split(':').map(Number);
      const fits = [here, there].every((port) => Number.isInteger(port) && port >= 1 && port <= 65_535);
      if (!fits || text.split(':').length > 2) {
        throw new UsageError(
          `cannot read the port "${text}"; write PORT, or HERE:PORT for another number on this machine.`,
        );
      }
      if (here === SSH_PORT)
        throw new UsageError(
          `Port ${SSH_PORT} is the nodes' ssh on this machine; write HERE:${there} with another number.`,
        );
      return { here, there };
    });
  return ports.filter(({ here }, at) => ports.findIndex((other) => other.here === here) === at);
}

/** Throws LabError for a port that this user may not open. */
export async function refusePrivileged(ports: readonly PublishedPort[]): Promise<void> {
  const first = Number(await readFile(UNPRIVILEGED, 'utf8').catch(() => '1024'));
  const low = ports.find(({ here }) => here < first);
  if (low === undefined || isRoot()) return;
  throw new LabError(
    `Only root may open port ${low.here} here; publish it under another number, such as ${8000 + low.here}:${low.there}.`,
  );
}

const placesOf = (lab: Lab, { here, there }: PublishedPort): string => {
  const places = indexesOf(lab).map((index) => `${reachOf(lab, index).host}:${here}`);
  return `  port ${there} of each node  ${places.join('  ')}`;
};

/** A line for each published port. */
export const publishedLines = (lab: Lab): readonly string[] => (lab.published ?? []).map((port) => placesOf(lab, port));

export async function publish(values: Values, words: readonly string[]): Promise<void> {
  const name = labName(values);
  const ports = readPorts(words);
  if (ports.length === 0) throw new UsageError('no port given; an example is `npm run lab -- publish 27017`.');
  await withLab(name, async () => {
    const lab = await requireLab(name);
    if (!lab.rootless) {
      throw new LabError(
        `This machine reaches the nodes of the lab "${name}" at their own addresses, such as ${addressOf(1)}; nothing has to be published.`,
      );
    }
    await refusePrivileged(ports);
    const fresh = ports.filter(({ here }) => !lab.published?.some((known) => known.here === here));
    // A lab that is off opens them on the next `up`.
    if (networkIsUp(lab)) for (const port of fresh) await openPort(lab, port);
    lab.published = [...(lab.published ?? []), ...fresh];
    await writeLab(lab);
    process.stdout.write(`${ports.map((port) => placesOf(lab, port)).join('\n')}\n`);
  });
}
