import { describe, expect, it } from 'vitest';
import type { MoveReceipt } from '../../../../src/model/events.ts';
import { planGroups } from '../../../../src/view/run/plan-groups.ts';
import { activityOf, estimateMs, percentText, runView, stoppedBy } from '../../../../src/view/run/run-view.ts';
import { aView, begun, failure, forecast, kindsOf, plan, runningView, succeeded } from '../move-view.ts';

const MiB = 1024 * 1024;
const groups = planGroups(plan, [forecast]);
const groupOf = (name: string) => groups.find(({ group }) => group === name);

const receipt: MoveReceipt = {
  app: 'web',
  volume: 'vol-web',
  from: 'node1',
  to: 'node2',
  startedAt: begun + 5,
  rounds: 1,
  bytes: [80 * MiB, 20 * MiB],
  mode: 'direct',
  totalMs: 12_000,
  downtimeMs: 2000,
};

describe('the groups of a plan', () => {
  it('say in one word what becomes of each application, and where', () => {
    expect(groups.map(({ group, kind, from, to }) => [group, kind, from, to])).toEqual([
      ['db', 'move', 'node1', 'node2'],
      ['old', 'stop', 'node1', undefined],
      ['web', 'replace', 'node2', 'node2'],
    ]);
  });

  it('have the costs of their moves and the reason of their start', () => {
    expect(groupOf('db')).toMatchObject({ totalBytes: 14.2 * MiB, finalBytes: 4 * MiB, downtimeMs: 4200 });
    expect(groupOf('web')?.reason).toBe('image changes from "acme/web:1" to "acme/web:2"');
    expect(groupOf('web')).not.toHaveProperty('totalBytes');
  });

  it('predict no downtime where the rate is not known', () => {
    const [move] = planGroups(plan, [{ ...forecast, basis: 'unknown rate' }]);
    expect(move).not.toHaveProperty('downtimeMs');
  });

  it('name what is stopped and not started again', () => {
    expect(stoppedBy(aView())).toEqual(['old']);
  });
});

describe('the run', () => {
  it('has every step once, with its number in the plan', () => {
    const run = runView(aView(), begun);
    expect(run.totalSteps).toBe(plan.steps.length);
    const numbers = run.groups.flatMap(({ steps }) => steps.map(({ number }) => number));
    expect(numbers.toSorted((a, b) => a - b)).toEqual(plan.steps.map((_, i) => i + 1));
    expect(run.groups.map(({ state }) => state)).toEqual(['waiting', 'waiting', 'waiting']);
  });

  it('counts time for what runs and keeps it for what is done', () => {
    const run = runView(runningView('db', 1), begun + 1700);
    const [first, second, third] = run.groups.find(({ group }) => group === 'db')?.steps ?? [];
    expect([first?.elapsedMs, second?.elapsedMs, third?.elapsedMs]).toEqual([1000, 700, undefined]);
    expect(run).toMatchObject({ doneSteps: 1, elapsedMs: 1700, running: true, isSettled: false });
  });

  it('calls a group running between two of its steps', () => {
    const state = (done: number, step: Parameters<typeof runningView>[2]) =>
      runView(runningView('db', done, step), begun).groups.find(({ group }) => group === 'db')?.state;
    expect(state(0, { state: 'waiting' })).toBe('waiting');
    expect(state(2, { state: 'waiting' })).toBe('running');
    expect(state(2, { state: 'failed', outcome: failure })).toBe('failed');
    expect(state(2, { state: 'cancelled' })).toBe('cancelled');
    expect(state(kindsOf('db').length, undefined)).toBe('done');
  });

  it('is settled only when nothing is left to do or blocked', () => {
    const steps = Object.fromEntries(plan.steps.map(({ id }) => [id, succeeded(1, 1)]));
    expect(runView(aView({ steps }), begun).isSettled).toBe(true);
    const blocked = { ...plan, blocked: [{ reason: 'no' }] };
    expect(runView(aView({ steps, plan: blocked }), begun).isSettled).toBe(false);
    expect(runView(aView({ plan: { ...plan, steps: [] }, steps: {} }), begun).isSettled).toBe(true);
  });

  it('is never an older answer, however often it was asked before', () => {
    const { forecasts } = aView();
    for (let done = 0; done <= kindsOf('db').length; done += 1) {
      for (const now of [begun + done * 1000 + 100, begun + done * 1000 + 900]) {
        const view = { ...runningView('db', done), forecasts };
        expect(runView(view, now)).toEqual(runView(structuredClone(view), now));
      }
    }
    const waiting = { ...aView(), forecasts };
    expect(runView(waiting, begun)).toEqual(runView(structuredClone(waiting), begun));
  });

  it('has the receipts of this run only', () => {
    const receipts = [{ ...receipt, startedAt: begun - 1 }, receipt];
    expect(runView(aView({ receipts, runStartedAt: begun }), begun).receipts).toEqual([receipt]);
  });
});

describe('what a step does now', () => {
  const [sync] = plan.steps;
  if (sync === undefined) throw new Error('the plan has no steps');

  it('has a share and the time left only where they are known', () => {
    expect(activityOf({ step: sync })).toBe('copying');
    expect(activityOf({ step: sync, transfer: { doneBytes: 3 * MiB, history: [] } })).toBe('copying, 3.00 MiB so far');
    const transfer = { doneBytes: 6, totalBytes: 10, share: 0.6, leftMs: 45_000, history: [] };
    expect(activityOf({ step: sync, transfer })).toBe('copying 60%, 45 s left');
  });

  it('is not complete before it is', () => {
    expect([percentText(0), percentText(0.996), percentText(1)]).toEqual(['0%', '99%', '100%']);
  });
});

describe('the time a move takes', () => {
  it('goes by the rate of earlier moves between the same nodes', () => {
    const group = groupOf('db');
    if (group === undefined) throw new Error('no group');
    const other = { ...receipt, from: 'node3', bytes: [1000 * MiB] };
    const ms = estimateMs(aView({ receipts: [other, receipt] }), group);
    expect(ms).toBeCloseTo((14.2 * 1000) / 10 + 4200);
  });

  it('is not guessed without a move that says something about the wire', () => {
    const group = groupOf('db');
    if (group === undefined) throw new Error('no group');
    expect(estimateMs(aView(), group)).toBeUndefined();
    expect(estimateMs(aView({ receipts: [{ ...receipt, bytes: [1000] }] }), group)).toBeUndefined();
  });
});
