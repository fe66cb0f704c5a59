import { expect, it } from 'vitest';
import { containerEnvironment, linkVariables } from '../../../src/model/links.ts';

it('gives the four variables of a link with the address of the own node', () => {
  expect(linkVariables([{ alias: 'es-1', localPort: 9200, remotePort: 19200 }], '172.16.255.250')).toEqual({
    ES_1_PORT_9200_TCP: 'tcp://172.16.255.250:19200',
    ES_1_PORT_9200_TCP_ADDR: '172.16.255.250',
    ES_1_PORT_9200_TCP_PORT: '19200',
    ES_1_PORT_9200_TCP_PROTO: 'tcp',
  });
});

it('puts an IPv6 address in brackets within the URL only', () => {
  const variables = linkVariables([{ alias: 'a', localPort: 1, remotePort: 2 }], 'fe80::1');
  expect(variables.A_PORT_1_TCP).toBe('tcp://[fe80::1]:2');
  expect(variables.A_PORT_1_TCP_ADDR).toBe('fe80::1');
});

it('lets explicit entries win', () => {
  const app = {
    links: [{ alias: 'a', localPort: 1, remotePort: 2 }],
    environment: { A_PORT_1_TCP_ADDR: 'mine', B: 'b' },
  };
  expect(containerEnvironment(app, 'h')).toMatchObject({ A_PORT_1_TCP_ADDR: 'mine', A_PORT_1_TCP_PORT: '2', B: 'b' });
});
