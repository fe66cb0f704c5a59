#!/usr/bin/env node
// A small client for the tutorial, with nothing but Node: a line into Logstash, a search in Elasticsearch.
//   node tutorials/elk/logs.mjs node1 send '{"firstname": "Joe", "lastname": "Bloggs"}'
//   node tutorials/elk/logs.mjs node2 find 'lastname:Bloggs' 2
//   node tutorials/elk/logs.mjs node1 empty      takes all events out, where one too many was sent
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { reachAt } from '../../lab/paths.mjs';

const addresses = { node1: '172.16.255.250', node2: '172.16.255.251' };
/** An event can be found a moment after it was sent: Logstash hands it on, and Elasticsearch refreshes its index. */
const FIND_LIMIT_MS = 180_000;
const ANSWER_LIMIT_MS = 60_000;

const usage = () => {
  console.error("usage: logs.mjs node1|node2|ADDRESS send 'JSON' | find QUERY [AT-LEAST] | empty");
  process.exit(64);
};

const [node, verb, text, least = '0'] = process.argv.slice(2);
// In a lab without root the nodes' published ports are on loopback addresses.
const host = reachAt(addresses[node] ?? node ?? '');
const needsText = verb === 'send' || verb === 'find';
if (host === '' || !(needsText ? text !== undefined && /^\d+$/.test(least) : verb === 'empty')) usage();

/** One line over TCP; done once the other side has closed too, so that it has read it all. */
function send() {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: 5000 });
    socket.setTimeout(ANSWER_LIMIT_MS, () => socket.destroy(new Error(`no answer within ${ANSWER_LIMIT_MS / 1000} s`)));
    socket.on('error', reject);
    socket.on('close', (failed) => failed || resolve());
    socket.resume();
    socket.end(`${JSON.stringify(JSON.parse(text))}\n`);
  });
}

async function ask(method, what, body) {
  const answer = await fetch(`http://${host}:9200/logstash-*${what}ignore_unavailable=true`, {
    method,
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
  });
  if (!answer.ok) throw new Error(`Elasticsearch says ${answer.status}: ${(await answer.text()).slice(0, 300)}`);
  return await answer.json();
}

async function search() {
  const { hits } = await ask('POST', '/_search?size=100&', {
    query: { query_string: { query: text } },
    sort: [{ '@timestamp': { order: 'asc', unmapped_type: 'date' } }],
  });
  return hits.hits.map(({ _source }) => _source);
}

async function empty() {
  await ask('DELETE', '?');
  console.log(`all events taken out through ${node}`);
}

/** Asks again until there are as many as are waited for. */
async function find() {
  const until = Date.now() + FIND_LIMIT_MS;
  for (;;) {
    const found = await search().catch((error) => error);
    if (Array.isArray(found) && found.length >= Number(least)) return found;
    if (Date.now() > until) {
      if (Array.isArray(found)) throw new Error(`${found.length} event(s) after ${FIND_LIMIT_MS / 1000} s`);
      throw found;
    }
    await sleep(1_000);
  }
}

/** Without what Logstash adds: when the line came, and from where. */
const own = (event) =>
  Object.fromEntries(
    Object.entries(event)
      .filter(([name]) => !/^(@.*|host|port)$/.test(name))
      .sort(),
  );

try {
  if (verb === 'send') {
    await send();
    console.log(`sent through ${node}`);
  } else if (verb === 'empty') {
    await empty();
  } else {
    const found = await find();
    for (const event of found) console.log(JSON.stringify(own(event)));
    console.log(`${found.length} event(s) found through ${node}`);
  }
} catch (error) {
  console.error(`cannot ${verb} through ${node}: ${error.cause?.message ?? error.message}`);
  process.exitCode = 1;
}
