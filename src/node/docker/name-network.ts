import { createHash } from 'node:crypto';
import type { ContainerSpec } from '../../model/cluster.ts';
import type { AppName } from '../../model/config.ts';
import { AppError } from '../../model/errors.ts';
import { dockerListBytes } from '../../model/limits.ts';
import { containerName, labels } from '../../model/names.ts';
import { createSemaphore } from '../../model/semaphore.ts';
import { entriesAt, listAt, textAt } from '../json.ts';
import { type DockerNetwork, dockerNetwork } from '../network/name-rules.ts';
import { ownAddressScript } from '../network/name-scripts.ts';
import type { NodeConnection } from '../ssh/connection.ts';
import { type DockerApi, statusOf } from './api.ts';

/** A network of Docker, and the address of a container there, which the container keeps over restarts. */
export interface NetworkPlace {
  readonly network: string;
  readonly address: string;
}

export interface NameNetworks {
  /**
   * Where a new container of the application belongs; undefined: on Docker's default network. Makes the network where it
   * is missing, and from now on the virtual address leads to the address there, unless the node's table has another node
   * for it. A second call for the same container returns the same at once. Throws `docker-failed`.
   */
  prepare(spec: ContainerSpec, signal: AbortSignal): Promise<NetworkPlace | undefined>;
}

/** How long a prepared place is used, in milliseconds. */
const preparedMs = 120_000;

interface Prepared extends NetworkPlace {
  readonly virtual: string;
  readonly at: number;
}

const bridgeOption = 'com.docker.network.bridge.name';
const mtuOption = 'com.docker.network.driver.mtu';

/** Networks of Docker for the containers that have names. */
export function createNameNetworks(connection: NodeConnection, api: DockerApi): NameNetworks {
  // Two containers that are created at the same time must not get the same address.
  const one = createSemaphore(1);
  const prepared = new Map<AppName, Prepared>();
  return {
    prepare: async (spec, signal) => {
      const { names, options } = spec;
      if (names?.resolver === undefined || options?.network_mode !== undefined) return undefined;
      const network = dockerNetwork(spec.deployment, names.networks, names.isInternal === true);
      return one.use(async () => {
        const known = prepared.get(spec.application);
        const isSame = known?.network === network.name && known.virtual === names.address;
        if (isSame && performance.now() - known.at < preparedMs) return known;
        const subnet = await subnetOf(api, network, connection.node, signal);
        const taken = await takenAddresses(api, network, containerName(spec.application), signal);
        for (const [app, { address: other }] of prepared) if (app !== spec.application) taken.add(other);
        const address = chooseAddress(subnet, spec.application, taken);
        if (address === undefined) throw unusable(network, connection.node, `it has no free address in ${subnet}`);
        await connection.script(ownAddressScript, [names.address, address], { signal });
        const place = { network: network.name, address, virtual: names.address, at: performance.now() };
        prepared.set(spec.application, place);
        return place;
      }, signal);
    },
  };
}

function unusable({ name }: DockerNetwork, node: string, why: string): AppError {
  return new AppError('docker-failed', `cannot use Docker's network "${name}" on "${node}": ${why}`, {
    hint: `once no container uses it, remove it on the node: docker network rm ${name}`,
    details: { node },
  });
}

const subnetIn = (inspected: unknown): string =>
  listAt(inspected, 'IPAM', 'Config')
    .map((config) => textAt(config, 'Subnet') ?? '')
    .find((subnet) => /^\d+\.\d+\.\d+\.\d+\/\d+$/.test(subnet)) ?? '';

async function inspect(api: DockerApi, name: string, signal: AbortSignal): Promise<unknown> {
  try {
    return await api.json({ what: `inspect network "${name}"`, method: 'GET', path: `/networks/${name}` }, signal);
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}

/** The subnet of the network, which is made where it is missing. */
async function subnetOf(api: DockerApi, network: DockerNetwork, node: string, signal: AbortSignal): Promise<string> {
  const found = (await inspect(api, network.name, signal)) ?? (await make(api, network, signal));
  const isOurs =
    textAt(found, 'Labels', labels.managed) === 'true' && textAt(found, 'Options', bridgeOption) === network.bridge;
  const subnet = subnetIn(found);
  if (isOurs && subnet !== '') return subnet;
  throw unusable(network, node, 'it was not made by drover');
}

/**
 * Docker gives a container an address of drover's choice only in a network whose subnet was chosen too. So Docker
 * chooses one that is free on this node for a first network, which is removed, and the real one gets that subnet.
 */
async function make(api: DockerApi, { name, bridge }: DockerNetwork, signal: AbortSignal): Promise<unknown> {
  const first = `${name}-subnet`;
  const options = { [bridgeOption]: bridge, ...(await mtuOfDefault(api, signal)) };
  const Labels = { [labels.managed]: 'true' };
  const remove = { what: `remove network "${first}"`, method: 'DELETE', path: `/networks/${first}` } as const;
  const create = (body: object) =>
    api.json(
      {
        what: `create network "${name}"`,
        method: 'POST',
        path: '/networks/create',
        body: { Driver: 'bridge', ...body },
      },
      signal,
    );
  await api.json({ ...remove, okStatus: [404] }, signal);
  await create({ Name: first, CheckDuplicate: true, Labels });
  const Subnet = subnetIn(await inspect(api, first, signal));
  await api.json(remove, signal);
  const IPAM = { Driver: 'default', Config: [{ Subnet }] };
  await create({ Name: name, CheckDuplicate: true, Labels, Options: options, IPAM });
  return inspect(api, name, signal);
}

/** The MTU that the operator has set for Docker's default network, which no other network inherits. */
async function mtuOfDefault(api: DockerApi, signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
  const mtu = textAt(await inspect(api, 'bridge', signal), 'Options', mtuOption);
  return mtu === undefined || !/^[1-9]\d{2,4}$/.test(mtu) ? {} : { [mtuOption]: mtu };
}

/** Addresses of the other containers on the network, running or not. */
async function takenAddresses(
  api: DockerApi,
  { name }: DockerNetwork,
  own: string,
  signal: AbortSignal,
): Promise<Set<string>> {
  const query = { all: true, filters: { network: [name] } };
  const listed = await api.json(
    { what: 'list the containers', method: 'GET', path: '/containers/json', query, limitBytes: dockerListBytes },
    signal,
  );
  const others = (Array.isArray(listed) ? listed : []).filter((one) => !listAt(one, 'Names').includes(`/${own}`));
  return new Set(
    others.flatMap((one) =>
      entriesAt(one, 'NetworkSettings', 'Networks').flatMap(([, endpoint]) =>
        [textAt(endpoint, 'IPAMConfig', 'IPv4Address'), textAt(endpoint, 'IPAddress')].filter(
          (address) => address !== undefined,
        ),
      ),
    ),
  );
}

const toNumber = (address: string): number => address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
const toAddress = (value: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');

/**
 * An address in the upper half of the subnet: Docker gives the lower ones to containers of other programs. It follows
 * from the application's name, so that a new container of an application gets the same one. Undefined: none is free.
 */
export function chooseAddress(subnet: string, application: string, taken: ReadonlySet<string>): string | undefined {
  const [base = '', prefix = ''] = subnet.split('/');
  const size = 2 ** (32 - Number(prefix));
  // The last one is for broadcasts.
  const [first, count] = [toNumber(base) + size / 2, size / 2 - 1];
  const start = createHash('sha256').update(application, 'utf8').digest().readUInt32BE(0);
  for (let tries = 0; tries < count; tries++) {
    const address = toAddress(first + ((start + tries) % count));
    if (!taken.has(address)) return address;
  }
  return undefined;
}
