import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { ActionKind } from '../../src/model/plan.ts';
import { type Event, printEvent, strike } from './crash-events.ts';
import { onNode, startWitness, wrongNow } from './crash-nodes.ts';
import { type Folder, node1, node2, pause, startDrover } from './lab.ts';

/** The two files of the user. */
export interface Files {
  readonly application: string;
  readonly placement: Readonly<Record<string, readonly string[]>>;
}

export interface Scenario {
  readonly name: string;
  /** What runs when the case begins, and what the first run is for. */
  readonly before: Files;
  readonly goal: Files;
  /** Done when `before` has been applied; `kill` is a run with these files that dies when the step is done. */
  readonly prepare?: (kill: (files: Files, step: ActionKind) => Promise<void>) => Promise<void>;
  /** This application may go on with older data: what was read before is not asked for in the end. */
  readonly goesBack?: string;
  /** The first run is this command instead of `apply`. */
  readonly act?: readonly string[];
}

/** Which files the next run has: the same, those of before, or nothing placed. */
export type Follow = 'same' | 'old' | 'removed';

export interface CrashCase {
  readonly scenario: Scenario;
  readonly event: Event;
  readonly follow: Follow;
}

export const printCase = ({ scenario, event, follow }: CrashCase): string =>
  `${scenario.name}; ${printEvent(event)}; then ${follow}`;

const exitLocked = 3;

interface RunReport {
  readonly code: number | null;
  readonly steps: readonly string[];
  readonly said: string;
}

/** The line protocol's port of each application that writes. */
export type Writers = Readonly<Record<string, number>>;

/** Plays cases one after the other on the lab's two nodes; each begins with what the one before has left. */
export function createStage(folder: Folder, writers: Writers, without: string) {
  const witness = startWitness(Object.values(writers));
  let current = '';

  async function write({ application, placement }: Files): Promise<void> {
    await writeFile(join(folder.path, 'application.yml'), application);
    await folder.deploy({ [node1]: [], [node2]: [], ...placement });
  }

  async function apply(files: Files): Promise<RunReport> {
    await write(files);
    const steps: string[] = [];
    let said = '';
    const ran = startDrover(['apply', '--allow-removal'], folder.path, (event) => {
      if (event.type === 'step-started') steps.push(String(event.step));
      if (event.type === 'run-finished') said = JSON.stringify(event.outcome);
    });
    const { code, stderr } = await ran.ended;
    return { code, steps, said: `${said} ${stderr}`.trim() };
  }

  /** A few applies until one has converged, then one that has nothing to do; `last` is one that was made already. */
  async function converge(files: Files, last?: RunReport): Promise<void> {
    let end = last;
    for (let times = 0; times < 3 && end?.code !== 0; ) {
      end = await apply(files);
      // A node that boots has the lock for as long as it asks its peers.
      if (end.code !== exitLocked) times += 1;
      else await pause(2_000);
    }
    expect(end, `never converges: ${end?.said}`).toMatchObject({ code: 0 });
    const again = await apply(files);
    expect(again, again.said).toMatchObject({ code: 0, steps: [] });
    current = JSON.stringify(files);
  }

  /**
   * Every record that a client got an answer for is there, written by the boot that answered. The answer is looked up in
   * the log that has this boot, whichever application gave it: applications may have exchanged their volumes since.
   */
  async function checkData(files: Files): Promise<string> {
    const placed = Object.entries(files.placement).flatMap(([node, apps]) =>
      apps.flatMap((app) => (writers[app] === undefined ? [] : [{ node, app, port: writers[app] }])),
    );
    const answers = new Set(placed.flatMap(({ port }) => witness.seen(port)));
    const found: string[] = [];
    for (const { node, app } of placed) {
      const source = `docker inspect -f '{{range .Mounts}}{{if eq .Destination "/data"}}{{.Source}}{{end}}{{end}}'`;
      const boots = await onNode(node, `cut -d ' ' -f 2 "$(${source} drover-${app})/log" | sort -u`);
      const known = new Set(boots.split('\n'));
      const seen = [...answers].filter((line) => known.has(/boot=(\S+)/.exec(line)?.[1] ?? ''));
      for (const line of seen) answers.delete(line);
      const command = `docker exec -i drover-${app} /writer -verify /data/log${seen.length > 0 ? ' -seen /proc/self/fd/0' : ''}`;
      const verified = await onNode(node, command, seen.join(''));
      expect(verified, app).toMatch(/^records=\d+ lost=0 doubled=0 bad=0/);
      found.push(`${app}: ${/records=(\d+)/.exec(verified)?.[1]} records, ${seen.length} answers`);
    }
    // A record of a boot that is in no log is lost.
    expect([...answers]).toEqual([]);
    return found.join('; ');
  }

  const check = async (when: string, nodes: readonly string[] = [node1, node2]): Promise<void> =>
    expect(await wrongNow(nodes, without), when).toEqual([]);

  async function kill(files: Files, step: ActionKind): Promise<void> {
    await write(files);
    const run = startDrover(['apply', '--allow-removal'], folder.path, (event, child) => {
      if (event.type === 'step-finished' && String(event.step).startsWith(`${step}:`)) child.kill('SIGKILL');
    });
    expect(await run.ended).toMatchObject({ signal: 'SIGKILL' });
  }

  /** One case from its files of before to its goal; returns what happened. */
  async function play(one: CrashCase): Promise<string> {
    const { scenario, event, follow } = one;
    if (current !== JSON.stringify(scenario.before)) await converge(scenario.before);
    current = '';
    await scenario.prepare?.(kill);
    await write(scenario.goal);
    const next = { same: scenario.goal, old: scenario.before, removed: { ...scenario.goal, placement: {} } }[follow];
    const story: string[] = [];
    let last: RunReport | undefined;
    const second = async (nodes?: readonly string[]): Promise<void> => {
      await check('after the event', nodes);
      last = await apply(next);
      const { code, said } = last;
      story.push(
        `next run: ${code === 0 ? 'converged' : `exit ${code} ${/"message":"[^"]*/.exec(said)?.[0] ?? said.slice(0, 300)}`}`,
      );
      await check('after the next run', nodes);
    };
    const start = (onEvent: Parameters<typeof startDrover>[2]) =>
      startDrover(scenario.act ?? ['apply', '--allow-removal'], folder.path, onEvent);
    const how = await strike(event, start, second);
    story.push(how);
    // A run that has slept and says that all is done must be right.
    if (how === 'exit 0') expect((await apply(scenario.goal)).steps, how).toEqual([]);
    const isOver = event.kind === 'on-its-way' ? event.arrives !== 'late' : event.kind === 'killed';
    if (!isOver) await check('after what came late');
    // Where nothing happened since, the next run may have been the last one.
    await converge(scenario.goal, isOver && follow === 'same' ? last : undefined);
    await check('in the end');
    if (scenario.goesBack !== undefined) witness.forget(writers[scenario.goesBack] ?? 0);
    story.push(await checkData(scenario.goal));
    return story.filter(Boolean).join('; ');
  }

  return { play, stop: witness.stop };
}
