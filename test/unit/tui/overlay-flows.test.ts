import { describe, expect, it } from 'vitest';
import type { ZfsDataset } from '../../../src/engine/volume-store.ts';
import type { ActionId } from '../../../src/tui/actions/actions.ts';
import { openLogs } from '../../../src/tui/parts/logs/logs.ts';
import { openMove } from '../../../src/tui/parts/move.ts';
import { openWelcome } from '../../../src/tui/parts/welcome.ts';
import { openZfs } from '../../../src/tui/parts/zfs.ts';
import { registry } from '../../../src/tui/parts.ts';
import type { Message, ScreenInput } from '../../../src/tui/screen.ts';
import type { Effect, Overlay, UiState } from '../../../src/tui/state.ts';
import { update } from '../../../src/tui/update.ts';
import { aCluster, aConfig, aMount, anApplication, aVolume, onNode } from '../../builders.ts';
import { inputOf, insideOfScreen, noon } from './overlay-frames.ts';

const sizes = { panes: { cluster: insideOfScreen(80, 24) }, overlay: insideOfScreen(80, 24) };
const wiki = anApplication('wiki', { volumes: [aMount('v-wiki')] });
const { nodes } = aCluster(onNode('node1', { volumes: [aVolume('v-wiki', { on: 'node1' })] }), onNode('node2'));
const config = aConfig([wiki], { node1: ['wiki'], node2: [] });
const input = inputOf({ config, nodes });
const readOnly = inputOf({ config, nodes }, { isReadOnly: true });

const snapshot = { name: 'user-a', createdAt: noon - 60_000, usedBytes: 0, referencedBytes: 0, holds: [] };
const dataset: ZfsDataset = {
  name: 'tank/volumes/wiki',
  volume: 'v-wiki',
  application: 'wiki',
  role: 'owner',
  usedBytes: 0,
  referencedBytes: 0,
  createdAt: noon - 120_000,
  snapshots: [snapshot],
};

/** The whole screen after these messages, and everything it asked for. */
function screenAfter(
  start: ScreenInput,
  ...messages: readonly (Message | ActionId)[]
): { ui: UiState; effects: readonly Effect[] } {
  let ui = start.ui;
  const effects: Effect[] = [];
  for (const each of messages) {
    const message: Message = typeof each === 'string' ? { type: 'action', action: each } : each;
    const step = update({ ...start, ui }, message, registry, sizes);
    ui = step.ui;
    effects.push(...step.effects);
  }
  return { ui, effects };
}

const open = (overlay: Overlay): Message => ({ type: 'open', overlay });
const read: Message = { type: 'zfs-read', node: 'node1', datasets: [dataset] };

describe('overlays on the whole screen', () => {
  it('read what they show while they are open, and not longer', () => {
    const logs = screenAfter(input, open(openLogs(['wiki'])), 'back');
    expect(logs.effects).toEqual([{ type: 'read-logs', apps: ['wiki'] }, { type: 'end-logs' }]);
    expect(logs.ui.overlays).toEqual([]);
    expect(screenAfter(input, open(openZfs('node1'))).effects).toEqual([{ type: 'read-zfs', node: 'node1' }]);
    expect(screenAfter(input, 'history').effects).toEqual([{ type: 'read-history' }]);
  });

  it('roll back only after the name of the application was typed', () => {
    const asked = ['down', 'roll-back'] as const;
    const enter: Message = { type: 'edit-key', key: 'enter' };
    const without = screenAfter(input, open(openZfs('node1')), read, ...asked, { type: 'text', text: 'wik' }, enter);
    expect(without.effects.map(({ type }) => type)).toEqual(['read-zfs']);
    const typed = screenAfter(input, open(openZfs('node1')), read, ...asked, { type: 'text', text: 'wiki' }, enter);
    const ref = { node: 'node1', volume: 'v-wiki', dataset: 'tank/volumes/wiki', snapshot: 'user-a' };
    expect(typed.effects).toContainEqual({ type: 'roll-back', app: 'wiki', snapshot: ref });
  });

  it('move, fix and begin with one key each', () => {
    expect(screenAfter(input, open(openMove(['wiki'])), 'open').effects).toEqual([
      { type: 'move', apps: ['wiki'], node: 'node2' },
    ]);
    const fix = { line: 1, column: 1, length: 1, was: 'a', replacement: 'b', label: 'write b in place of a' };
    const wrong = inputOf({ problems: [{ file: 'a.yml', line: 1, column: 1, path: 'x', message: 'm', fix }] });
    expect(screenAfter(wrong, 'fix').effects).toEqual([{ type: 'fix', problem: 0 }]);
    expect(screenAfter(inputOf(), open(openWelcome()), 'down', 'down', 'open').effects).toEqual([
      { type: 'look-at-simulation' },
    ]);
  });

  it('change nothing where only looking is allowed, and say so', () => {
    const move = screenAfter(readOnly, open(openMove(['wiki'])), 'open');
    expect(move.effects).toEqual([]);
    expect(move.ui.notice?.text).toContain('read-only');
    const zfs = screenAfter(readOnly, open(openZfs('node1')), read, 'down', 'open', 'snapshot', 'roll-back');
    expect(zfs.effects).toEqual([{ type: 'read-zfs', node: 'node1' }]);
    expect(zfs.ui.overlays.map(({ kind }) => kind)).toEqual(['zfs']);
  });
});
