/** Keeps the figures of the benchmarks: as JSON with their conditions, and as a page to read. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('results', import.meta.url));

/** The machine, and how busy it was. */
export const machine = () => ({
  at: new Date().toISOString(),
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  load: Number((loadavg()[0] ?? 0).toFixed(1)),
  node: process.version,
  platform: `${process.platform} ${process.arch}`,
});

/** Writes `results/NAME.json` and, with the conditions below it, `results/NAME.md`. */
export function keep(
  name: string,
  figures: { readonly conditions: object; readonly [name: string]: unknown },
  page: string,
): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(figures, null, 2)}\n`);
  const conditions = Object.entries(figures.conditions).map(([what, value]) => `${what} ${value}`);
  writeFileSync(join(folder, `${name}.md`), `${page.trimEnd()}\n\nMeasured with: ${conditions.join(', ')}.\n`);
}

type Cells = readonly (string | number)[];

/** A table in Markdown: the first row is its head. */
export function table([head = [], ...rows]: readonly Cells[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
