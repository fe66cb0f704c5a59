#!/usr/bin/env node
// @ts-check
/** The lab's command (`npm run lab -- COMMAND`). JavaScript, so that `node lab/lab.mjs` works; main.ts is the program. */
import { enableTypeScript } from '../scripts/ts.mjs';

enableTypeScript();
await import('./main.ts');
