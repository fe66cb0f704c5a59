import type { ContainerSpec, PortKey } from '../model/cluster.ts';
import type { Application, AppName, NodeName, VolumeId } from '../model/config.ts';
import type { HeldPort } from '../model/name-table.ts';
import type { Blocker } from '../model/plan.ts';
import type { SeenContainer } from './plan-input.ts';
import type { VolumeTask } from './volumes/volume-task.ts';

/** What the plan does for one application, or for one volume without an application: the steps of one group. */
export interface GroupDecision {
  /** The application's name, or the volume's id. */
  readonly group: string;
  /** The node on which the files place it. */
  readonly node: NodeName;
  readonly app?: Application;
  readonly tasks: readonly VolumeTask[];
  /** Its own containers that stop. */
  readonly stops: readonly ContainerStop[];
  readonly start?: ContainerStart;
  /** Containers of other applications that have its ports or volumes and have to stop first. */
  readonly stopFirst: readonly SeenContainer[];
  /** It starts and answers on its new node before it stops on the old one: it has ports and no volumes. */
  readonly startsFirst: boolean;
  /** It restarts because one that it depends on is replaced: it stops before that one does. */
  readonly restarts?: boolean;
  /** Ports whose entries in the nodes' network tables change with this application. */
  readonly ports: readonly PortKey[];
  /** Its ports at its virtual address, now and after the plan. */
  readonly names: readonly HeldPort[];
  /** New connections wait while it moves. */
  readonly hold: boolean;
  /** The network tables change only after it answers on its new node. */
  readonly switches: boolean;
  /** The right container runs, but it has not been checked that it answers. */
  readonly checks: boolean;
  /** If there are any, the group gets no steps. */
  readonly blockers: readonly Blocker[];
  /** Reported with the blockers, but they stop nothing. */
  readonly warnings: readonly Blocker[];
  /** Reported as notes; the group is not blocked. */
  readonly notes: readonly string[];
  /**
   * Applications that no file describes any more and that keep running, because this one may be meant to have their
   * data.
   */
  readonly keeps: readonly AppName[];
  /** New volumes that are not created, because this application's data may be elsewhere. */
  readonly refuses: readonly VolumeId[];
  /** Something else has one of its ports on a node: no network table may take its ports. */
  readonly portsTaken: boolean;
}

export interface ContainerStop {
  readonly node: NodeName;
  readonly app: AppName;
  readonly reason: string;
  /** Its volumes, if the container is kept until they are released. */
  readonly unlessReleased?: readonly VolumeId[];
}

export interface ContainerStart {
  readonly spec: ContainerSpec;
  /** Its node did not have the image: the ports that it exposes are not known yet. */
  readonly asksPorts?: true;
  readonly reason: string;
}
