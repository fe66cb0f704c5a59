/** The application that the benchmarks of moves move: it writes 20 numbered records a second. */
export const addresses = { node1: '172.16.255.250', node2: '172.16.255.251' } as const;
export type Node = keyof typeof addresses;

export const APPLICATION = `version: 1
applications:
  writer:
    image: drover/writer:1
    ports: [{internal: 8001, external: 8001}]
    volume: {mountpoint: /data}
    environment: {RATE: "20"}
`;

/** deployment.yml with the writer on the node of this name. */
export const deploymentOn = (node: Node): string =>
  `version: 1\nnodes:\n${Object.entries(addresses)
    .map(([name, address]) => `  ${address}: [${name === node ? 'writer' : ''}]\n`)
    .join('')}`;
