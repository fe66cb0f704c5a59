import type { MemoryImage } from './memory/types.ts';
import type { Scene } from './scene.ts';

const MiB = 2 ** 20;
const GiB = 2 ** 30;
const hour = 3_600_000;
const day = 24 * hour;

const application = `version: 1
applications:
  db:
    image: postgres:16
    ports: [{internal: 5432, external: 5432}]
    environment: {POSTGRES_DB: shop}
    volume:
      mountpoint: /var/lib/postgresql/data
  wiki:
    image: acme/wiki:2.3
    ports: [{internal: 8080, external: 8080}]
    links: [{local_port: 5432, remote_port: 5432, alias: db}]
    volume:
      mountpoint: /srv/wiki
  grafana:
    image: grafana/grafana:11.2
    ports: [{internal: 3000, external: 3000}]
    volume:
      mountpoint: /var/lib/grafana
  proxy: # everything from outside comes through here
    image: nginx:1.27
    ports:
      - {internal: 80, external: 80}
      - {internal: 443, external: 443}
    links:
      - {local_port: 8080, remote_port: 8080, alias: wiki}
      - {local_port: 3000, remote_port: 3000, alias: grafana}
  mail:
    image: acme/mail:5.1
    ports:
      - {internal: 25, external: 25}
      - {internal: 143, external: 143}
    volume:
      mountpoint: /var/mail
      maximum_size: 8G
  registry:
    image: registry:2.9
    ports: [{internal: 5000, external: 5000}]
    volume:
      mountpoint: /var/lib/registry
  cache:
    image: redis:7.4
    ports: [{internal: 6379, external: 6379}]
    mem_limit: 512M
  reports: # needs more memory than it is given
    image: acme/reports:0.9
    mem_limit: 256M
    links: [{local_port: 5432, remote_port: 5432, alias: db}]
  media:
    image: acme/media:1.4
    ports: [{internal: 8096, external: 8096}]
    volume:
      mountpoint: /media
`;

const deployment = `version: 1
nodes:
  node1: [db, grafana, wiki]
  node2: [mail, proxy, registry]
  node3: [cache, media, reports]
`;

const inventory = `version: 1
nodes:
  10.0.0.11: { name: node1 }
  10.0.0.12: { name: node2 }
  10.0.0.13: { name: node3 }
`;

const talk = (everyMs: number, ...lines: readonly string[]): NonNullable<MemoryImage['chatter']> => ({
  everyMs,
  lines,
});

/** `sizeBytes` is what a pull transfers. */
const images: Readonly<Record<string, MemoryImage>> = {
  'postgres:16': {
    sizeBytes: 152 * MiB,
    acceptsAfterMs: 900,
    stopsAfterMs: 400,
    writesBytesPerSecond: 1.5 * MiB,
    logs: ['PostgreSQL 16.4 starting', 'database system is ready to accept connections'],
    chatter: talk(
      1300,
      '{time} LOG:  checkpoint starting: time',
      '{time} LOG:  checkpoint complete: wrote {n} buffers; sync=0.004 s, total=0.031 s',
      '{time} LOG:  duration: 12.4 ms  statement: UPDATE orders SET state = $1 WHERE id = {n}',
      '{time} LOG:  automatic vacuum of table "shop.public.orders": removed {n} dead rows',
    ),
  },
  'acme/wiki:2.3': {
    sizeBytes: 88 * MiB,
    acceptsAfterMs: 600,
    stopsAfterMs: 200,
    writesBytesPerSecond: 48 * 1024,
    health: { afterMs: 2500, result: 'healthy' },
    logs: ['wiki 2.3 listens on port 8080'],
    chatter: talk(
      700,
      '{time} GET /health 200 1 ms',
      '{time} GET /page/{n} 200 12 ms',
      '{time} GET /search?q=zfs+send 200 48 ms',
      '{time} POST /page/{n} 303 31 ms',
      '{time} index rebuilt: {n} pages',
      '{time} WARN slow query: 612 ms',
    ),
  },
  'grafana/grafana:11.2': {
    sizeBytes: 140 * MiB,
    acceptsAfterMs: 1200,
    writesBytesPerSecond: 8 * 1024,
    health: { afterMs: 3000, result: 'healthy' },
    chatter: talk(2100, 'logger=context t={time} level=info msg="Request Completed" method=GET status=200 size={n}'),
  },
  'nginx:1.27': {
    sizeBytes: 70 * MiB,
    acceptsAfterMs: 150,
    chatter: talk(
      400,
      '203.0.113.9 - - [{time}] "GET / HTTP/2.0" 200 {n}',
      '203.0.113.42 - - [{time}] "GET /wiki/page/{n} HTTP/1.1" 200 18231',
      '198.51.100.7 - - [{time}] "GET /favicon.ico HTTP/1.1" 404 153',
      '198.51.100.23 - - [{time}] "POST /login HTTP/2.0" 302 0',
    ),
  },
  'acme/mail:5.1': {
    sizeBytes: 210 * MiB,
    acceptsAfterMs: 800,
    stopsAfterMs: 600,
    writesBytesPerSecond: 24 * 1024,
    chatter: talk(1900, '{time} smtpd: connect from mx.example.org', '{time} imap: 3 new messages for anna (uid {n})'),
  },
  'registry:2.8': {
    sizeBytes: 25 * MiB,
    acceptsAfterMs: 200,
    chatter: talk(3100, 'time={time} level=info msg="GET /v2/" n={n}'),
  },
  'registry:2.9': {
    sizeBytes: 26 * MiB,
    acceptsAfterMs: 200,
    chatter: talk(3100, 'time={time} level=info msg="GET /v2/" n={n}'),
  },
  'redis:7.4': {
    sizeBytes: 42 * MiB,
    acceptsAfterMs: 80,
    chatter: talk(5300, '{time} * {n} changes in 60 seconds. Saving...'),
  },
  // Starts, works for a while, and runs out of memory again and again.
  'acme/reports:0.9': {
    sizeBytes: 190 * MiB,
    exits: { afterMs: 90_000, code: 137, oomKilled: true },
    chatter: talk(900, '{time} report {n}: reading orders', '{time} report {n}: 214 MiB in use'),
  },
  'acme/media:1.4': {
    sizeBytes: 260 * MiB,
    acceptsAfterMs: 500,
    chatter: talk(2700, '{time} scan: {n} titles', '{time} stream {n}: 1080p to 10.0.7.31'),
  },
  'wordpress:5': { sizeBytes: 180 * MiB },
};

/** Three nodes, nine applications: one has drifted, one is out of memory, one container is foreign, one pool is nearly full. */
export const sampleScene: Scene = {
  application,
  deployment,
  inventory,
  nodes: {
    node1: { address: '10.0.0.11', poolBytes: 48 * GiB },
    node2: { address: '10.0.0.12', poolBytes: 32 * GiB, foreign: { 'old-blog': 'wordpress:5' } },
    // 4.1 of 5.06 GiB: 81 %.
    node3: { address: '10.0.0.13', poolBytes: 5.06 * GiB },
  },
  apps: {
    db: { upMs: 40 * day, dataBytes: 6.4 * GiB },
    wiki: { upMs: 3 * day, dataBytes: 1.8 * GiB, replicas: ['node2'] },
    grafana: { upMs: 12 * day, dataBytes: 310 * MiB },
    mail: { upMs: 40 * day, dataBytes: 2.2 * GiB },
    proxy: { upMs: 40 * day },
    registry: { upMs: 9 * day, dataBytes: 1.1 * GiB, image: 'registry:2.8' },
    cache: { upMs: 6 * hour },
    reports: { upMs: 92_000, exit: { code: 137, oomKilled: true } },
    media: { upMs: 17 * day, dataBytes: 4.1 * GiB },
  },
  images,
  roundTripMs: 9,
  bytesPerSecond: 110 * MiB,
};
