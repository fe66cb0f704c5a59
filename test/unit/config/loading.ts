import { loadConfig } from '../../../src/config/load.ts';
import type { Application, Config, LoadResult } from '../../../src/model/config.ts';

/** A deployment of one node without applications. */
export const idle = 'version: 1\nnodes: {10.0.0.1: []}\n';

/** Loads texts under the usual names; several settings texts are several files. */
export function load(application: string, deployment = idle, ...drover: string[]): LoadResult {
  return loadConfig(
    {
      application: { path: 'application.yml', text: application },
      deployment: { path: 'deployment.yml', text: deployment },
      drover: drover.map((text, index) => ({ path: `settings${index}/drover.yml`, text })),
    },
    { home: '/home/anna' },
  );
}

/** The configuration; throws with the problems where there are any. */
export function configOf(result: LoadResult): Config {
  if (result.ok) return result.config;
  throw new Error(result.problems.map(({ path, message }) => `${path}: ${message}`).join('\n'));
}

/** `path: message` of every problem; empty where it loads. */
export function complaints(result: LoadResult): string[] {
  return result.ok ? [] : result.problems.map(({ path, message }) => `${path}: ${message}`);
}

/** One native application called `a` with these lines in flow style, e.g. `ports: []`. */
export const nativeWith = (fields: string): LoadResult => load(`version: 1\napplications: {a: {image: x, ${fields}}}`);

/** The application `a`. */
export function appOf(result: LoadResult): Application {
  const app = configOf(result).applications.a;
  if (app === undefined) throw new Error('there is no application "a"');
  return app;
}
