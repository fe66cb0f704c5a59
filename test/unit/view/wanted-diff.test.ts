import { describe, expect, it } from 'vitest';
import { SealedContent } from '../../../src/model/container/sealed-content.ts';
import { wantedDiffs } from '../../../src/view/wanted-diff.ts';
import { aCluster, aConfig, aContainer, anApplication, onNode, tcp, unreachable } from '../../builders.ts';
import { aView } from './move-view.ts';

const app = anApplication('web', { ports: [tcp(8080, 80)], environment: { TOKEN: 'secret-1', MODE: 'x' } });

function linesOf(found: Parameters<typeof anApplication>[1], wanted = app): readonly string[] {
  const there = aContainer(anApplication('web', { ...app, ...found }), 'node1');
  const nodes = aCluster(onNode('node1', { containers: [there] })).nodes;
  return wantedDiff(aView({ config: aConfig([wanted], { node1: ['web'] }), nodes }), 'web').map(({ text }) => text);
}

const wantedDiff = (view: Parameters<typeof wantedDiffs>[0], app: string) =>
  wantedDiffs(view).find((each) => each.app === app)?.lines ?? [];

describe('wanted against found', () => {
  it('is empty where all is as the files say', () => {
    expect(linesOf({})).toEqual([]);
  });

  it('shows what goes and what comes, field by field', () => {
    const lines = linesOf({
      image: { repository: 'acme/web', tag: '0' },
      ports: [tcp(8081, 80)],
      memoryLimitBytes: 1024 * 1024,
      restartPolicy: { name: 'on-failure', maximumRetryCount: 3 },
      command: ['serve', '--slow'],
    });
    expect(lines).toEqual([
      '- image acme/web:0',
      '+ image acme/web:1',
      '- port 8081 to 80',
      '- memory limit 1.00 MiB',
      '- restart policy on-failure, at most 3 times',
      '+ restart policy never',
      '- command serve --slow',
      '+ port 8080 to 80',
    ]);
  });

  it('never shows a value of the environment', () => {
    const lines = linesOf({ environment: { TOKEN: 'secret-2', OLD: 'secret-3' } });
    expect(lines).toEqual([
      '- environment OLD (hidden)',
      '- environment TOKEN (hidden)',
      '+ environment TOKEN (hidden)',
      '+ environment MODE (hidden)',
    ]);
  });

  it('shows of secrets and of command lines with values of variables only that they differ', () => {
    const file = (text: string) =>
      ({
        kind: 'secret',
        name: 'pw',
        target: '/run/secrets/pw',
        uid: 0,
        gid: 0,
        mode: 0o444,
        content: SealedContent.ofText(text),
      }) as const;
    const secret = (text: string) => ({ files: [file(text)], command: ['run', text], hidesCommand: true }) as const;
    const wanted = anApplication('web', { ...app, ...secret('secret-1') });
    expect(linesOf(secret('secret-1'), wanted)).toEqual([]);
    expect(linesOf(secret('secret-2'), wanted)).toEqual([
      '- command (hidden)',
      '+ command (hidden)',
      '- secret pw at /run/secrets/pw, 0:0 0444 (hidden)',
      '+ secret pw at /run/secrets/pw, 0:0 0444 (hidden)',
    ]);
  });

  it('shows moves, starts and removals of whole applications', () => {
    const text = aView();
    const all = wantedDiffs(text).map(({ app: name, lines }) => [name, ...lines.map((each) => each.text)]);
    expect(all).toContainEqual(['old', '- node node1', '- running', '- image acme/old:1', '- restart policy never']);
    expect(all.find(([name]) => name === 'db')).toContain('+ node node2');
    expect(all.find(([name]) => name === 'web')).toContain('+ image acme/web:2');
  });

  it('takes a container that is not running for a difference', () => {
    const there = aContainer(app, 'node1', { state: 'exited' });
    const nodes = aCluster(onNode('node1', { containers: [there] })).nodes;
    const view = aView({ config: aConfig([app], { node1: ['web'] }), nodes });
    expect(wantedDiff(view, 'web').map(({ text }) => text)).toEqual(['- exited', '+ running']);
  });

  it('says nothing about a node that cannot be reached', () => {
    const nodes = aCluster(unreachable('node1', { containers: [] })).nodes;
    expect(wantedDiffs(aView({ config: aConfig([app], { node1: ['web'] }), nodes }))).toEqual([]);
  });
});
