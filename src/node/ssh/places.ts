import { isIP } from 'node:net';
import { isLoopback } from '../../model/addresses.ts';

/** Where a node's sshd may answer. */
export interface SshPlace {
  readonly address: string;
  readonly port: number;
}

/**
 * Where another node may reach a node's sshd, each place once: at its mesh address with the port that drover uses, at its
 * mesh address with 22 (a forwarded port, such as Vagrant's, does not work there), then at the address that drover uses.
 */
export function sshPlaces({ address, port }: SshPlace, meshAddress: string): readonly SshPlace[] {
  const places = [
    { address: meshAddress, port },
    { address: meshAddress, port: 22 },
    { address, port },
  ].filter((place) => isIP(place.address) !== 0 && !isLoopback(place.address));
  return places.filter(
    (place, at) => places.findIndex((one) => one.address === place.address && one.port === place.port) === at,
  );
}
