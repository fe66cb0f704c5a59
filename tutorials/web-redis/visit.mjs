#!/usr/bin/env node
// Opens the page once and prints it, or asks Redis for the count without opening the page.
//   node tutorials/web-redis/visit.mjs node1
//   node tutorials/web-redis/visit.mjs node2 count
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';

const LIMIT_MS = 90_000;
const addresses = { node1: '172.16.255.250', node2: '172.16.255.251' };
const [node, verb = 'open'] = process.argv.slice(2);
const host = addresses[node] ?? node;
if (host === undefined || !['open', 'count'].includes(verb)) {
  console.error('usage: visit.mjs node1|node2|ADDRESS [count]');
  process.exit(64);
}

async function open() {
  const page = await fetch(`http://${host}:8080/`, { signal: AbortSignal.timeout(LIMIT_MS) });
  if (!page.ok) process.exitCode = 1;
  return (await page.text()).trim();
}

/** Redis answers a string as `$LENGTH`, then the string, each on a line; `$-1` is none. */
async function count() {
  const socket = connect({ host, port: 6379 });
  socket.setTimeout(LIMIT_MS, () => socket.destroy(new Error(`no answer within ${LIMIT_MS / 1000} s`)));
  socket.write('GET hits\r\nQUIT\r\n');
  const [length, value] = (await text(socket)).split('\r\n');
  return length === '$-1' ? '0' : value;
}

try {
  console.log(await (verb === 'count' ? count() : open()));
} catch (error) {
  console.error(
    `cannot ${verb === 'count' ? 'ask Redis' : 'open the page'} through ${node}: ${error.cause?.message ?? error.message}`,
  );
  process.exitCode = 1;
}
