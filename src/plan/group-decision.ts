import type { ContainerSpec, PortKey } from '../model/cluster.ts';
import type { Application, AppName, NodeName, VolumeId } from '../model/config.ts';
import type { Blocker } from '../model/plan.ts';
import type { SeenContainer } from './plan-input.ts';
import type { VolumeTask } from './volumes/volume-task.ts';

/** What is to be done for one application, or for one volume without an application. */
export interface GroupDecision {
  /** The application's name, or the volume's id. */
  readonly group: string;
  /** Where it is wanted. */
  readonly node: NodeName;
  readonly app?: Application;
  readonly tasks: readonly VolumeTask[];
  /** Its own containers that have to go. */
  readonly stops: readonly ContainerStop[];
  readonly start?: ContainerStart;
  /** Containers of others that use its ports or volumes now and stop in the same plan. */
  readonly stopFirst: readonly SeenContainer[];
  /** It starts and answers in its new place before it stops in the old one: it serves ports and has no data. */
  readonly startsFirst: boolean;
  /** Ports whose entries in the nodes' tables change with this application. */
  readonly ports: readonly PortKey[];
  /** New connections wait while it changes its place. */
  readonly hold: boolean;
  /** The tables change only after it answers in its new place. */
  readonly switches: boolean;
  /** Its container is right and runs, and a check that it answers is still owed. */
  readonly checks: boolean;
  /** If any, nothing is done. */
  readonly blockers: readonly Blocker[];
  /** Told, and in nobody's way. */
  readonly warnings: readonly Blocker[];
  /** Worth a line, and no reason to call anything blocked. */
  readonly notes: readonly string[];
  /** Applications that no file names any more, and that go on running: their data may be what this one asks for. */
  readonly keeps: readonly AppName[];
  /** Its ports are somebody else's on some node: no table may take them. */
  readonly portsTaken: boolean;
}

export interface ContainerStop {
  readonly node: NodeName;
  readonly app: AppName;
  readonly reason: string;
  /** Its volumes, where it is kept until they are released. */
  readonly unlessReleased?: readonly VolumeId[];
}

export interface ContainerStart {
  readonly spec: ContainerSpec;
  readonly reason: string;
}
