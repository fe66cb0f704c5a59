import type { Command } from 'commander';
import { exec } from './commands/exec.ts';
import { history, nodeHistory } from './commands/history.ts';
import { reclaim } from './commands/reclaim.ts';
import { restart } from './commands/restart.ts';
import { clone, rollback } from './commands/rollback.ts';
import { snapshot } from './commands/snapshot.ts';
import { start } from './commands/start.ts';
import { stop } from './commands/stop.ts';
import { undo } from './commands/undo.ts';
import { volumes } from './commands/volumes.ts';
import type { examples } from './examples.ts';
import type { ExitCode } from './exit-code.ts';
import type { Invocation } from './invocation.ts';
import { addRemovalOption, allowing, type RemovalFlag } from './removal.ts';

/** Hands the invocation to a verb, and its exit code to whoever started the program. */
export type Run = (work: (invocation: Invocation) => Promise<ExitCode>) => Promise<void>;

/** Makes a verb of the program, with its examples below its help. */
export type MakeVerb = (name: keyof typeof examples, description: string) => Command;

/** What is done to an application outside of the plan, and what was done before. */
export function addActs(verb: MakeVerb, run: Run): void {
  addContainerActs(verb, run);
  addSnapshotActs(verb, run);
  verb('history', 'earlier runs of these files: what each did, and how it ended')
    .argument('[run]', 'its id, the beginning of it, or "last"')
    .option('--node <node>', 'what this node has kept of every run that locked it, by any person')
    .action((id: string | undefined, { node }: { node?: string }) =>
      run((invocation) => (node === undefined ? history(invocation, id) : nodeHistory(invocation, node, id))),
    );
  addRemovalOption(verb('undo', 'put the files back as before the last run that changed them, then apply'))
    .option('--force', 'also where they were edited since: the edits are lost')
    .option('--no-apply', 'put the files back only')
    .action(({ force = false, apply, ...flags }: { force?: boolean; apply: boolean } & RemovalFlag) =>
      run((invocation) => undo(allowing(invocation, flags), { force, apply })),
    )
    .addHelpText(
      'after',
      'The texts of both files are kept with each run in the folder for state, readable by you alone: environments\nmay hold passwords.\n',
    );
}

function addContainerActs(verb: MakeVerb, run: Run): void {
  verb('restart', 'stop an application with its grace, and start the same container again')
    .argument('<app>', 'application')
    .action((app: string) => run((invocation) => restart(invocation, app)));
  verb('stop', 'stop an application; the next apply, or a watch that goes on, starts it again')
    .argument('<app>', 'application')
    .action((app: string) => run((invocation) => stop(invocation, app)));
  verb('start', 'start an application that was stopped')
    .argument('<app>', 'application')
    .action((app: string) => run((invocation) => start(invocation, app)));
  verb('exec', 'run a program in the container of an application, or a shell; ends with its exit code')
    .argument('<app>', 'application')
    .argument('[command...]', 'program and its arguments, after -- where they have options')
    .action((app: string, command: string[]) => run((invocation) => exec(invocation, app, command)));
}

function addSnapshotActs(verb: MakeVerb, run: Run): void {
  verb('snapshot', 'take a snapshot of every volume of an application; drover never destroys it')
    .argument('<app>', 'application')
    .argument('[name]', 'its name will be user-NAME (the time, where none is given)')
    .action((app: string, name: string | undefined) => run((invocation) => snapshot(invocation, app, name)));
  verb('volumes', 'show datasets with their snapshots and holds')
    .argument('[app|node]', 'only those of an application, or on a node')
    .action((word: string | undefined) => run((invocation) => volumes(invocation, word)));
  verb('rollback', 'let an application go on with the content of a snapshot; what is there now is kept beside it')
    .argument('<app>', 'application')
    .argument('<snapshot>', 'name, or DATASET@NAME')
    .action((app: string, name: string) => run((invocation) => rollback(invocation, app, name)));
  verb(
    'reclaim',
    'where the node that owns the volumes of an application is lost: go on with the copies on another one',
  )
    .argument('<app>', 'application')
    .requiredOption('--on <node>', 'name or address of the node whose copies are meant')
    .action((app: string, { on }: { on: string }) => run((invocation) => reclaim(invocation, app, on)));
  verb('clone', 'make a dataset with the content of a snapshot, beside the volume, which is not touched')
    .argument('<app>', 'application')
    .argument('<snapshot>', 'name, or DATASET@NAME')
    .action((app: string, name: string) => run((invocation) => clone(invocation, app, name)));
}
