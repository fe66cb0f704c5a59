import { isIP } from 'node:net';
import { isLoopback } from '../../model/addresses.ts';

/** Where a node's sshd may answer. */
export interface SshPlace {
  readonly address: string;
  readonly port: number;
}

/**
 * Where another node may find a node's sshd, each place once: at its mesh address, with the port that drover uses or
 * with 22 (a forwarded port, such as Vagrant's, leads nowhere there), then at the address that drover uses.
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
