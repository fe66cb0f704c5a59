import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Whether the nodes of the lab are emulated: everything on them takes many times as long then. False without a lab. */
export function isEmulated(): boolean {
  const inventory = process.env.DROVER_LAB_INVENTORY;
  if (inventory === undefined || inventory === '') return false;
  return JSON.parse(readFileSync(join(dirname(inventory), 'lab.json'), 'utf8')).accel === 'tcg';
}
