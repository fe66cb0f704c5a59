import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** True where the nodes of the lab are emulated, and therefore many times slower. False without a lab. */
export function isEmulated(): boolean {
  const inventory = process.env.DROVER_LAB_INVENTORY;
  if (inventory === undefined || inventory === '') return false;
  return JSON.parse(readFileSync(join(dirname(inventory), 'lab.json'), 'utf8')).accel === 'tcg';
}
