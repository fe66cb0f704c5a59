#!/usr/bin/env node
// Opens the page once and prints it, or asks Redis for the count without opening the page, or begins at 0 again.
//   node tutorials/web-redis/visit.mjs node1
//   node tutorials/web-redis/visit.mjs node2 count
//   node tutorials/web-redis/visit.mjs node1 reset
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { reachAt } from '../../lab/paths.mjs';

const LIMIT_MS = 90_000;
const addresses = { node1: '172.16.255.250', node2: '172.16.255.251' };
const [node, verb = 'open'] = process.argv.slice(2);
// In a lab without root the nodes' published ports are on loopback addresses.
const host = reachAt(addresses[node] ?? node ?? '');
if (host === '' || !['open', 'count', 'reset'].includes(verb)) {
  console.error('usage: visit.mjs node1|node2|ADDRESS [count|reset]');
  process.exit(64);
}

async function open() {
  const page = await fetch(`http://${host}:8080/`, { signal: AbortSignal.timeout(LIMIT_MS) });
  if (!page.ok) process.exitCode = 1;
  return (await page.text()).trim();
}

/** The lines that Redis answers. */
async function ask(command) {
  const socket = connect({ host, port: 6379 });
  socket.setTimeout(LIMIT_MS, () => socket.destroy(new Error(`no answer within ${LIMIT_MS / 1000} s`)));
  socket.write(`${command}\r\nQUIT\r\n`);
  return (await text(socket)).split('\r\n');
}

/** A string is answered as `$LENGTH`, then the string, each on a line; `$-1` is none. */
async function count() {
  const [length, value] = await ask('GET hits');
  return length === '$-1' ? '0' : value;
}

async function reset() {
  await ask('DEL hits');
  return await count();
}

const verbs = { open, count, reset };

try {
  console.log(await verbs[verb]());
} catch (error) {
  console.error(
    `cannot ${verb === 'open' ? 'open the page' : 'ask Redis'} through ${node}: ${error.cause?.message ?? error.message}`,
  );
  process.exitCode = 1;
}
