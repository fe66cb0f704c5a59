import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { project } from '../acceptance/lab.ts';

const isRootOnDebian = process.getuid?.() === 0 && existsSync('/etc/debian_version');

it.skipIf(!isRootOnDebian)('the Vagrantfile makes machines that drover finds and deploys on', async () => {
  const child = spawn('npm', ['run', '-s', 'vagrant-test'], { cwd: project, stdio: ['ignore', 'inherit', 'inherit'] });
  const code = await new Promise((resolve) => void child.once('exit', resolve));
  expect(code).toBe(0);
});
