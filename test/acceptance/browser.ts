import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Page } from 'playwright-core';

const program = '/usr/bin/chromium';
/** Nothing of its own over the network: what it asks for is what the page asks for. */
const quiet = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A real browser without a window, at one page, in the network this process is in. */
export interface Browser {
  readonly page: Page;
  /** What scripts of the page threw, and what it could not load. */
  readonly faults: readonly string[];
  close(): Promise<void>;
}

/** Opens a browser with a profile of its own. */
export async function openBrowser(): Promise<Browser> {
  if (!existsSync(program)) {
    throw new Error(`there is no ${program}: \`npm test\` installs it, and so does \`apt-get install chromium\``);
  }
  const profile = await mkdtemp(join(tmpdir(), 'drover-browser-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: program,
    headless: true,
    args: quiet,
    viewport: { width: 900, height: 590 },
    colorScheme: 'light',
  });
  const page = context.pages()[0] ?? (await context.newPage());
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(error.message));
  return {
    page,
    faults,
    async close() {
      await context.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}
