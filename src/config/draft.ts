import type {
  Application,
  Dependency,
  ExposedPort,
  Hooks,
  ImageRef,
  Link,
  NetworkMembership,
  PortMapping,
  VolumeMount,
} from '../model/config.ts';
import type { ContainerSettings, RestartPolicy } from '../model/container/fields.ts';
import type { ContainerFile } from '../model/container/file.ts';
import type { NodeBind } from '../model/container/mounts.ts';
import type { ContainerOptions } from '../model/container/options.ts';
import type { Place, Placed } from './fields.ts';

/** An application as far as its file could be read, with the places that later checks point at. */
export interface Draft extends ContainerSettings {
  readonly name: string;
  /** The application itself; its key is its name. */
  readonly place: Place;
  readonly image?: ImageRef;
  readonly ports: readonly Placed<PortMapping>[];
  /** Ports inside the container that others reach only by name. */
  readonly exposes?: readonly Placed<ExposedPort>[];
  readonly networks?: readonly NetworkMembership[];
  readonly nicknames?: Readonly<Record<string, string>>;
  readonly links: readonly Placed<Link>[];
  readonly environment: readonly (readonly [string, string])[];
  readonly volumes: readonly Placed<VolumeMount>[];
  readonly binds?: readonly Placed<NodeBind>[];
  /** Docker's options of each folder in memory, by path. */
  readonly tmpfs?: readonly Placed<TmpfsMount>[];
  readonly restartPolicy: RestartPolicy;
  readonly staysDown?: true;
  readonly dependsOn?: readonly Placed<Dependency>[];
  readonly hooks?: Hooks;
  readonly mayEnd?: Application['mayEnd'];
  readonly files?: readonly Placed<ContainerFile>[];
  readonly hidesCommand?: true;
  readonly pullPolicy?: Application['pullPolicy'];
  readonly options?: ContainerOptions;
}

export interface TmpfsMount {
  readonly mountpoint: string;
  readonly options: string;
}

/** Every application of a file, readable or not: an unreadable one is still a known name. */
export interface Drafts {
  readonly format: 'flocker' | 'fig' | 'compose';
  readonly names: ReadonlySet<string>;
  /** What the file calls the deployment. */
  readonly deploymentName?: string;
  readonly drafts: readonly Draft[];
}
