import { describe, expect, it } from 'vitest';
import { targetIn } from '../../../../src/node/docker/targets.ts';
import { createNetworkControl } from '../../../../src/node/network/proxy-table.ts';
import { scriptedConnection } from '../../../fakes/scripted-connection.ts';

const signal = new AbortController().signal;
const container = (ports: readonly object[], address: string) => ({
  Ports: ports,
  NetworkSettings: { Networks: { host: { IPAddress: '' }, bridge: { IPAddress: address } } },
});
const published = { IP: '0.0.0.0', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' };

describe('the container behind a published port', () => {
  it('has an address of its own, and the port inside', () => {
    const other = container([{ ...published, PublicPort: 8081 }], '172.17.0.3');
    const listed = [other, container([{ ...published, Type: 'udp' }, published], '172.17.0.2')];
    expect(targetIn(listed, 8080)).toEqual({ address: '172.17.0.2', port: 80 });
    expect(targetIn(listed, 80)).toBeUndefined();
  });

  it('is unknown where Docker names no address, or anything else than one', () => {
    for (const address of ['', 'localhost', '172.17.0.2 -p 22', 7]) {
      expect(targetIn([container([published], address as string)], 8080)).toBeUndefined();
    }
    for (const listed of [
      undefined,
      {},
      [null],
      [{ Ports: 7 }],
      [container([{ ...published, PrivatePort: 0 }], '::1')],
    ]) {
      expect(targetIn(listed, 8080)).toBeUndefined();
    }
  });

  it('is tried without a command on the node until it accepts or the time is over', async () => {
    const targets = [{ address: '172.17.0.2', port: 80 }];
    const ask = async (answers: string[], waitMs: number, found = async () => targets) => {
      const knock = async () => (answers.length > 1 ? answers.shift() : answers[0]) as 'accepted';
      const connection = { ...scriptedConnection(() => ({ stdout: '8080\n' })), knock };
      const closed = await createNetworkControl(connection, [], found).closedPorts([8080], waitMs, signal);
      return { closed, commands: connection.sent.length };
    };
    expect(await ask(['accepted'], 0)).toEqual({ closed: [], commands: 0 });
    expect(await ask(['refused', 'refused', 'accepted'], 60_000)).toEqual({ closed: [], commands: 0 });
    expect(await ask(['refused'], 60)).toEqual({ closed: [8080], commands: 0 });
    // Where sshd forwards nothing, or Docker names no address, the script tries.
    expect(await ask(['unknown'], 60)).toEqual({ closed: [8080], commands: 1 });
    expect(await ask(['accepted'], 0, async () => [])).toEqual({ closed: [8080], commands: 1 });
    expect(await ask(['accepted'], 0, () => Promise.reject(new Error('away')))).toEqual({
      closed: [8080],
      commands: 1,
    });
  });
});
