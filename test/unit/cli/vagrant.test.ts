import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { FileChoice, VagrantRequest, World } from '../../../src/cli/world.ts';
import { readConfig } from '../../../src/config/read-files.ts';
import { AppError } from '../../../src/model/errors.ts';
import { makeWorld, n1, n2 } from './made-world.ts';

interface Seen {
  readonly requests: (Omit<VagrantRequest, 'undescribed' | 'onNote'> & { nodes: readonly string[] | 'any' })[];
  choice?: FileChoice;
}

/** `drover validate` where there is a lab, and Vagrant's machines as `found` says. */
async function validate(
  args: readonly string[],
  { found, env = {}, inventory }: { found?: string | Error; env?: World['env']; inventory?: string },
): Promise<Seen & { code: number; err: string }> {
  const seen: Seen = { requests: [] };
  const made = await makeWorld(
    {},
    {
      env,
      labInventory: async () => '/lab/drover.yml',
      vagrantInventory: async ({ folder, required, undescribed, onNote }) => {
        seen.requests.push({ folder, required, nodes: await undescribed() });
        onNote('asking Vagrant');
        if (found instanceof Error) throw found;
        return found;
      },
      readConfig: (files) => {
        seen.choice = files;
        const { application, deployment, inventory: own } = files;
        return readConfig({ application, deployment, drover: own === undefined ? [] : [own] });
      },
    },
  );
  if (inventory !== undefined) await writeFile(join(made.folder, 'drover.yml'), inventory);
  const ran = await made.drover('validate', ...args);
  return { ...seen, code: ran.code, err: ran.err };
}

describe("Vagrant's machines", () => {
  it('stand in the place of a lab', async () => {
    const { choice, requests, err } = await validate([], { found: '/vagrant/drover.yml' });
    expect(choice).toMatchObject({ vagrantInventory: '/vagrant/drover.yml' });
    expect(choice).not.toHaveProperty('labInventory');
    expect(requests).toMatchObject([{ required: false, nodes: [n1, n2] }]);
    expect(err).toContain('drover: asking Vagrant\n');
  });

  it('leave the lab its place where there are none, or where the lab is named', async () => {
    expect((await validate([], {})).choice).toMatchObject({ labInventory: '/lab/drover.yml' });
    const { choice, requests } = await validate([], { found: '/vagrant/drover.yml', env: { DROVER_LAB: 'mine' } });
    expect(choice).toMatchObject({ labInventory: '/lab/drover.yml' });
    expect(requests).toEqual([]);
  });

  it('are wanted for nodes that nothing else describes', async () => {
    const inventory = `version: 1\nnodes:\n  ${n1}: {user: admin}\n`;
    const { requests } = await validate([], { inventory });
    expect(requests.map(({ nodes }) => nodes)).toEqual([[n2]]);
  });

  it('are what --vagrant says, and without them nothing is done', async () => {
    const env = { DROVER_LAB: 'mine' };
    const { choice, requests, err } = await validate(['--vagrant', '--quiet'], { found: '/vagrant/drover.yml', env });
    expect(requests).toMatchObject([{ required: true }]);
    expect(choice).toMatchObject({ vagrantInventory: '/vagrant/drover.yml' });
    expect(err).toBe('');
    const none = new AppError('usage', 'cannot use the machines', { hint: 'run `vagrant up`' });
    const refused = await validate(['--vagrant'], { found: none });
    expect(refused.code).toBe(64);
    expect(refused.err).toContain('cannot use the machines');
    expect(refused.err).toContain('run `vagrant up`');
  });
});
