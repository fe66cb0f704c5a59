import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { socketsProgram, withSockets } from '../../../src/node/container-sockets.ts';
import { aContainer, anApplication } from '../../builders.ts';

const id = 'a'.repeat(64);
const container = aContainer(anApplication('web'), 'a', { id });
const foreign = { ...container, id: 'b'.repeat(64), managed: false };
const line = (protocol: string, port: number | string, of = id): string => `listens\t${of}\t${protocol}\t${port}\n`;
const listensOf = (text: string) => withSockets([container, foreign], text).map(({ listens }) => listens);

describe('where programs of containers listen', () => {
  it('is known of containers of drover, sorted and each once', () => {
    const text =
      line('tcp', 8000) + line('udp', 53) + line('tcp', 53) + line('tcp', 8000) + line('tcp', 80, foreign.id);
    expect(listensOf(text)).toEqual([
      [
        { port: 53, protocol: 'tcp' },
        { port: 53, protocol: 'udp' },
        { port: 8000, protocol: 'tcp' },
      ],
      undefined,
    ]);
  });

  it('leaves out what is not a port, and UDP ports of clients', () => {
    const bad = [line('tcp', 0), line('tcp', 65_536), line('sctp', 80), line('tcp', '8 0'), line('tcp', 80, 'x')].join(
      '',
    );
    expect(listensOf(bad + line('udp', 40_000))).toEqual([undefined, undefined]);
    expect(listensOf(line('tcp', 50_051))[0]).toEqual([{ port: 50_051, protocol: 'tcp' }]);
  });

  it('has an end, whatever the node says', () => {
    const many = Array.from({ length: 10_000 }, (_, at) => line('tcp', at + 1)).join('');
    expect(listensOf(many)[0]).toHaveLength(64);
  });

  it('is text that a shell and perl accept', () => {
    expect(socketsProgram).not.toContain("'");
    execFileSync('perl', ['-c', '-e', socketsProgram], { stdio: 'pipe' });
  });
});
