import { loadConfig } from '../../src/config/load.ts';
import type { Application, Config, ConfigProblem, NodeName } from '../../src/model/config.ts';
import { containerEnvironment } from '../../src/model/links.ts';

/** One case of config.json or config-beyond.json. */
export interface ConfigCase {
  readonly id: string;
  readonly application_yaml: string;
  readonly deployment_yaml: string;
  readonly expect: 'ok' | 'error';
  readonly error_about?: string | null;
  /** Both outcomes are right; where it is accepted the model must still fit. */
  readonly accept_either?: boolean;
  readonly expect_model?: ExpectedModel | null;
  /** In words; two patterns are understood, see `differencesFromWords`. */
  readonly wanted?: string;
}

interface ExpectedModel {
  readonly format: string;
  readonly apps: Readonly<Record<string, unknown>>;
  readonly nodes: Readonly<Record<string, readonly string[]>>;
  readonly container_env: Readonly<Record<string, unknown>>;
  readonly open_ports: Readonly<Record<string, readonly number[]>>;
  readonly proxies: Readonly<Record<string, readonly unknown[]>>;
}

export interface ConfigCaseResult {
  /** Empty: the case passed. */
  readonly differences: readonly string[];
  readonly problems: readonly ConfigProblem[];
}

/** True for cases that give both files as text. */
export function isConfigCase(value: object): value is ConfigCase {
  return 'application_yaml' in value && 'deployment_yaml' in value;
}

/** Loads the two texts and compares with everything the case says. */
export function runConfigCase(given: ConfigCase): ConfigCaseResult {
  const result = loadConfig({
    application: { path: 'application.yml', text: given.application_yaml },
    deployment: { path: 'deployment.yml', text: given.deployment_yaml },
  });
  const outcome = result.ok ? 'ok' : 'error';
  if (outcome !== given.expect && given.accept_either !== true) {
    const why = result.ok ? `about: ${given.error_about}` : (result.problems[0]?.message ?? 'without a problem');
    const differences = [`expected ${given.expect}, got ${outcome} (${why})`];
    return { differences, problems: result.ok ? [] : result.problems };
  }
  if (!result.ok) return { differences: [], problems: result.problems };
  const model = given.expect_model;
  return {
    differences: [
      ...(model === null || model === undefined ? [] : compareModel(result.config, model)),
      ...differencesFromWords(result.config, given.wanted ?? ''),
    ],
    problems: [],
  };
}

function compareModel(config: Config, expected: ExpectedModel): string[] {
  const nodes = Object.keys(config.deployment);
  const byNode = <T>(of: (node: NodeName) => T) => Object.fromEntries(nodes.map((node) => [node, of(node)]));
  const apps = Object.values(config.applications);
  const found = {
    format: config.format,
    apps: Object.fromEntries(apps.map((app) => [app.name, shownApplication(app)])),
    nodes: byNode((node) => [...(config.deployment[node] ?? [])].sort()),
    container_env: shownEnvironments(config),
    open_ports: byNode((node) => portsOn(config, node)),
    proxies: byNode((node) => proxiesOn(config, node)),
  };
  return Object.entries(found).flatMap(([key, value]) => {
    const wanted = canonical(expected[key as keyof ExpectedModel]); // the keys of `found` are those of ExpectedModel
    const got = canonical(value);
    return wanted === got ? [] : [`${key}: expected ${wanted}, got ${got}`];
  });
}

function shownApplication(app: Application) {
  const [volume] = app.volumes;
  return {
    image: { repository: app.image.repository, tag: app.image.tag },
    ports: app.ports.map(({ internal, external }) => ({ internal, external })),
    links: app.links.map(({ localPort, remotePort, alias }) => ({
      local_port: localPort,
      remote_port: remotePort,
      alias,
    })),
    environment: app.environment,
    volume:
      volume === undefined
        ? null
        : {
            mountpoint: volume.mountpoint,
            maximum_size: volume.maximumSizeBytes ?? null,
            dataset_id: volume.id,
          },
    mem_limit: app.memoryLimitBytes ?? null,
    cpu_shares: app.cpuShares ?? null,
    restart_policy:
      app.restartPolicy.name === 'on-failure'
        ? { name: 'on-failure', maximum_retry_count: app.restartPolicy.maximumRetryCount ?? null }
        : app.restartPolicy,
  };
}

/** Without containers that get no variables, and without nodes that have no others. */
function shownEnvironments(config: Config): Record<string, Record<string, Record<string, string>>> {
  const shown: Record<string, Record<string, Record<string, string>>> = {};
  for (const [node, names] of Object.entries(config.deployment)) {
    const settings = config.nodes[node];
    const address = settings?.mesh ?? settings?.host ?? node;
    for (const name of names) {
      const app = config.applications[name];
      const environment = app === undefined ? {} : containerEnvironment(app, address);
      if (Object.keys(environment).length > 0) shown[node] = { ...shown[node], [name]: environment };
    }
  }
  return shown;
}

function portsOn(config: Config, node: NodeName): number[] {
  const names = config.deployment[node] ?? [];
  const ports = names.flatMap((name) => config.applications[name]?.ports.map(({ external }) => external) ?? []);
  return ports.sort((a, b) => a - b);
}

function proxiesOn(config: Config, node: NodeName): { ip: string; port: number }[] {
  const others = Object.keys(config.deployment).filter((other) => other !== node);
  return others.flatMap((ip) => portsOn(config, ip).map((port) => ({ ip, port })));
}

/** Lists of mappings have no order that matters; keys never do. */
function canonical(value: unknown): string {
  return JSON.stringify(sorted(value));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value.map(sorted);
    return items.every((item) => typeof item === 'object' || typeof item === 'number')
      ? items.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
      : items;
  }
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, item]) => [key, sorted(item)] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** `repository R, tag T` of some image; `NAME has the value TEXT` of some variable; anything else says nothing here. */
function differencesFromWords(config: Config, wanted: string): string[] {
  const apps = Object.values(config.applications);
  const image = /^repository (\S+), tag (\S+)$/.exec(wanted);
  if (image !== null && !apps.some((app) => app.image.repository === image[1] && app.image.tag === image[2])) {
    return [`no application has ${wanted}; images: ${JSON.stringify(apps.map((app) => app.image))}`];
  }
  const variable = /^(\w+) has the value (.*)$/.exec(wanted);
  if (variable !== null && !apps.some((app) => app.environment[variable[1] ?? ''] === variable[2])) {
    return [`no application where ${wanted}; variables: ${JSON.stringify(apps.map((app) => app.environment))}`];
  }
  return [];
}
