import { get, type IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { StreamAgent } from '../../../../src/node/docker/agent.ts';

/** A channel as ssh2 has it: half open when the other side ends. It answers each request. */
class Channel extends Duplex {
  constructor() {
    super({ allowHalfOpen: true });
  }
  override _read(): void {}
  override _write(_chunk: Buffer, _encoding: string, done: () => void): void {
    this.push('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    done();
  }
}

describe('the agent', () => {
  let agent: StreamAgent;
  let channels: Channel[];
  const make = (): void => {
    channels = [];
    agent = new StreamAgent(async () => {
      const channel = new Channel();
      channels.push(channel);
      return channel;
    });
  };
  afterEach(() => agent.destroy());
  const ask = async (): Promise<string> => {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      get({ host: 'docker', path: '/', agent }, resolve).on('error', reject);
    });
    const said = await text(answer);
    // The agent takes the channel back after the answer has ended.
    await new Promise((resolve) => setTimeout(resolve, 10));
    return said;
  };

  it('asks again through the channel that is open', async () => {
    make();
    expect([await ask(), await ask()]).toEqual(['ok', 'ok']);
    expect(channels).toHaveLength(1);
  });

  it('opens another one once Docker has ended its side', async () => {
    make();
    await ask();
    channels[0]?.push(null);
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(channels[0]?.destroyed).toBe(true);
    expect(await ask()).toBe('ok');
    expect(channels).toHaveLength(2);
  });
});
