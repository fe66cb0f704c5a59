import type { DockerImports } from '../../src/engine/docker-imports.ts';
import type { FoundContainer, FoundDocker, FoundVolume } from '../../src/model/found-docker.ts';

/** A host whose Docker has nothing but drover's containers. */
export const noImports: DockerImports = {
  find: async () => ({ containers: [], volumes: [] }),
  measure: async () => ({ bytes: 0, files: 0, ms: 0 }),
  copy: async () => ({ copied: 0, bytes: 0, removed: 0, ms: 0 }),
  compare: async () => ({ files: 0, bytes: 0, knownBytes: 0, differences: [], ms: 0 }),
  forget: async () => undefined,
  stop: async () => undefined,
  start: async () => undefined,
};

export const directory = '/var/lib/docker/volumes/shop_data/_data';

export const shopData: FoundVolume = {
  name: 'shop_data',
  driver: 'local',
  directory,
  hasOptions: false,
  project: 'shop',
  key: 'data',
  isAnonymous: false,
};

/** The database of the Compose project `shop`. */
export const shopDb: FoundContainer = {
  id: 'd'.repeat(64),
  name: 'shop-db-1',
  isRunning: true,
  removesItself: false,
  image: 'postgres:16',
  project: 'shop',
  service: 'db',
  composeFile: '/srv/shop/compose.yaml',
  restart: { name: 'always' },
  mounts: [{ kind: 'volume', volume: 'shop_data', source: directory, target: '/var/lib/data', isReadOnly: false }],
  settings: { environment: { POSTGRES_PASSWORD: 'hunter2-is-secret', PRICE: '$5' }, restart: 'always' },
};

export const shopWeb: FoundContainer = {
  id: 'e'.repeat(64),
  name: 'shop-web-1',
  isRunning: true,
  removesItself: false,
  image: 'nginx:1',
  project: 'shop',
  service: 'web',
  restart: { name: 'never' },
  mounts: [],
  settings: { ports: ['8080:80'] },
};

export const shop: FoundDocker = { containers: [shopDb, shopWeb], volumes: [shopData] };
