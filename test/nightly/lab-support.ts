import { labSupport as supportOf } from '../../lab/support.mjs';

/** Can this machine run a lab with root? As the lab itself answers. */
export const labSupport = supportOf();
