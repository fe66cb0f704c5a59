import { describe, expect, it } from 'vitest';
import type { Application } from '../../../../src/model/config.ts';
import { load } from '../loading.ts';

const placed = (text: string, apps = 'a, b') => load(text, `version: 1\nnodes: {n1: [${apps}]}\n`);

function appsOf(text: string, apps?: string): Readonly<Record<string, Application>> {
  const loaded = placed(text, apps);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return loaded.config.applications;
}

function problemsOf(text: string, apps?: string): string {
  const loaded = placed(text, apps);
  return loaded.ok ? '' : loaded.problems.map(({ path, message }) => `${path}: ${message}`).join('\n');
}

const compose = (a: string, b = 'image: y') => `services:\n  a: {image: x, ${a}}\n  b: {${b}}\n`;
const forms = [
  ['Compose', compose],
  ['native', (a: string) => `version: 1\napplications:\n  a: {image: x, ${a}}\n  b: {image: y}\n`],
  ['Fig', (a: string) => `a: {image: x, ${a}}\nb: {image: y}\n`],
] as const;

describe.each(forms)('the order in %s form', (_form, file) => {
  it('reads the short and the long form of depends_on', () => {
    expect(appsOf(file('depends_on: [b]')).a?.dependsOn).toEqual([{ app: 'b', until: 'started' }]);
    expect(appsOf(file('depends_on: {b: null}')).a?.dependsOn).toEqual([{ app: 'b', until: 'started' }]);
    const long = 'depends_on: {b: {condition: service_healthy, required: false, restart: true}}';
    expect(appsOf(file(long)).a?.dependsOn).toEqual([{ app: 'b', until: 'healthy', isOptional: true, restarts: true }]);
  });

  it('knows a job by the application that waits for its end', () => {
    const { a, b } = appsOf(file('depends_on: {b: {condition: service_completed_successfully}}'));
    expect(a?.dependsOn).toEqual([{ app: 'b', until: 'done' }]);
    expect(b?.mayEnd).toBe('job');
  });

  it('reads hooks', () => {
    const hook =
      '{command: [sh, -c, "exit 0"], user: root, working_dir: /srv, privileged: true, environment: {A: "1"}}';
    expect(appsOf(file(`post_start: [${hook}], pre_stop: [{command: "nginx -s 'quit'"}]`)).a?.hooks).toEqual({
      postStart: [
        {
          command: ['sh', '-c', 'exit 0'],
          user: 'root',
          workingDir: '/srv',
          privileged: true,
          environment: { A: '1' },
        },
      ],
      preStop: [{ command: ['nginx', '-s', 'quit'] }],
    });
  });

  it.each([
    ['test: "curl -f http://localhost"', { test: ['CMD-SHELL', 'curl -f http://localhost'] }],
    ['test: [CMD, pg_isready]', { test: ['CMD', 'pg_isready'] }],
    ['test: [CMD, probe, 80]', { test: ['CMD', 'probe', '80'] }],
    ['test: [NONE], interval: 5s', { test: ['NONE'] }],
    ['disable: true, test: [CMD, a]', { test: ['NONE'] }],
    ['interval: 1m30s, timeout: 1500000us, retries: 7', { intervalMs: 90_000, timeoutMs: 1_500, retries: 7 }],
    ['start_period: 1h5m0.5s, start_interval: 500ms', { startPeriodMs: 3_900_500, startIntervalMs: 500 }],
    ['interval: 0s, retries: 0', undefined],
  ])('reads healthcheck: {%s}', (parts, wanted) => {
    expect(appsOf(file(`healthcheck: {${parts}}`)).a?.healthcheck).toEqual(wanted);
  });

  it.each([
    ['depends_on: {b: {condition: service_ready}}', 'a/depends_on/b/condition: the condition "service_ready" is not'],
    ['depends_on: {b: {required: perhaps}}', 'a/depends_on/b/required: "required" must be true or false'],
    ['depends_on: [c]', '"depends_on" names the unknown service "c"'],
    ['depends_on: [a]', 'goes in a circle: "a" needs "a"'],
    ['healthcheck: {test: [curl, x]}', 'must begin with NONE, CMD or CMD-SHELL, not "curl"'],
    ['healthcheck: {test: [CMD]}', 'has no command after CMD'],
    ['healthcheck: {interval: 10}', '"interval" must be a string'],
    ['healthcheck: {interval: 10 seconds}', 'is not a duration'],
    ['healthcheck: {interval: 10us}', 'is not between 1ms and 30 days'],
    ['healthcheck: {intervall: 10s}', 'unknown key "intervall"'],
    ['post_start: [{user: root}]', 'a/post_start/0/command'],
    ['post_start: {command: a}', '"post_start" must be a list'],
  ])('refuses %s', (parts, message) => {
    const found = problemsOf(file(parts));
    if (message.endsWith('/command')) expect(found).toContain('"command" is missing');
    else expect(found).toContain(message);
  });
});

describe('dependencies in a deployment', () => {
  it('names the whole circle', () => {
    const text =
      'services: {a: {image: x, depends_on: [b]}, b: {image: x, depends_on: [c]}, c: {image: x, depends_on: [a]}}';
    expect(problemsOf(text, 'a, b, c')).toContain('goes in a circle: "a" needs "b", "b" needs "c", "c" needs "a"');
  });

  it('refuses one that is placed nowhere, unless it may be missing', () => {
    expect(problemsOf(compose('depends_on: [b]'), 'a')).toContain(
      '"a" depends on "b", which deployment.yml places on no node',
    );
    expect(problemsOf(compose('depends_on: {b: {condition: service_started, required: false}}'), 'a')).toBe('');
    expect(appsOf(compose('depends_on: {c: {condition: service_started, required: false}}')).a?.dependsOn).toEqual([]);
    // What is placed nowhere needs nothing.
    expect(problemsOf(compose('depends_on: [b]'), 'b')).toBe('');
  });
});

describe('work that may end', () => {
  it.each([
    ['', 'alone'],
    ['restart: "no"', 'alone'],
    ['restart: on-failure', 'alone'],
    ['restart: always', undefined],
    ['ports: ["80:80"]', undefined],
    ['restart: "no", ports: ["80:80"]', 'alone'],
    ['restart: on-failure, ports: ["80:80"]', undefined],
    ['expose: ["80"]', undefined],
    ['restart: on-failure, expose: ["80"]', undefined],
    ['healthcheck: {test: [CMD, a]}', undefined],
    ['healthcheck: {disable: true}', 'alone'],
  ])('in Compose: {%s}', (parts, wanted) => {
    expect(appsOf(`services:\n  a: {image: x${parts === '' ? '' : `, ${parts}`}}\n`, 'a').a?.mayEnd).toBe(wanted);
  });

  it('is an explicit choice in the native form', () => {
    const native = (parts: string) => `version: 1\napplications:\n  a: {image: x${parts}}\n`;
    expect(appsOf(native(''), 'a').a?.mayEnd).toBeUndefined();
    expect(appsOf(native(', restart_policy: {name: never}'), 'a').a?.mayEnd).toBe('alone');
  });

  it('of a job is not restarted by Docker after a success, and a note says so', () => {
    const loaded = placed(
      compose('depends_on: {b: {condition: service_completed_successfully}}', 'image: y, restart: always'),
    );
    expect(loaded.ok && loaded.config.applications.b?.restartPolicy).toEqual({ name: 'on-failure' });
    expect(loaded.ok && loaded.config.notes?.map(({ message }) => message)).toEqual([
      'the restart policy of "b" has no effect after it has ended: other services wait until it is done',
    ]);
  });
});
