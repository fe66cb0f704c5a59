/** Loaded into the measured program with `--expose-gc --import`: what is in use after a collection, now and then. */
import { appendFileSync } from 'node:fs';

const file = process.env.DROVER_BENCH_HEAP;
const everyMs = Number(process.env.DROVER_BENCH_HEAP_MS ?? 5000);
if (file !== undefined) {
  setInterval(() => {
    globalThis.gc();
    const { heapUsed, rss } = process.memoryUsage();
    appendFileSync(file, `${JSON.stringify({ at: Date.now(), bytes: heapUsed, rss })}\n`);
  }, everyMs).unref();
}
