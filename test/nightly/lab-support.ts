import { join } from 'node:path';
import { project } from './lab-tool.ts';

/** Can this machine run a lab with root? As the lab itself answers. */
export const labSupport: { readonly ok: boolean; readonly reason?: string } = (
  await import(join(project, 'lab', 'support.mjs'))
).labSupport();
