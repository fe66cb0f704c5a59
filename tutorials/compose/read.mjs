#!/usr/bin/env node
// Reads the page once and prints it. With a number it reads for so many seconds, again and again, and prints how many
// readings were answered and whether one was refused or lost.
//   node tutorials/compose/read.mjs node1
//   node tutorials/compose/read.mjs node2 30
import { reachAt } from '../../lab/paths.mjs';

const LIMIT_MS = 120_000;
const addresses = { node1: '172.16.255.250', node2: '172.16.255.251' };
const [node, seconds] = process.argv.slice(2);
// In a lab without root the nodes' published ports are on loopback addresses.
const host = reachAt(addresses[node] ?? node ?? '');
if (host === '' || (seconds !== undefined && !/^\d+$/.test(seconds))) {
  console.error('usage: read.mjs node1|node2|ADDRESS [SECONDS]');
  process.exit(64);
}

async function read() {
  const page = await fetch(`http://${host}:8080/`, { signal: AbortSignal.timeout(LIMIT_MS) });
  const text = (await page.text()).trim();
  return { ok: page.ok, text };
}

if (seconds === undefined) {
  const { ok, text } = await read();
  console.log(text);
  process.exitCode = ok ? 0 : 1;
} else {
  const end = Date.now() + Number(seconds) * 1000;
  let [answered, failed, longestMs] = [0, 0, 0];
  while (Date.now() < end) {
    const began = Date.now();
    const ok = await read().then(
      (answer) => answer.ok,
      () => false,
    );
    longestMs = Math.max(longestMs, Date.now() - began);
    if (ok) answered += 1;
    else failed += 1;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  console.log(`${answered} answered, ${failed} refused or lost, the longest took ${longestMs} ms`);
  process.exitCode = failed === 0 ? 0 : 1;
}
