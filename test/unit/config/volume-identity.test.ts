import { describe, expect, it } from 'vitest';
import { defaultVolumeId } from '../../../src/model/names.ts';
import { appOf, complaints, load, nativeWith } from './loading.ts';

const fig = (fields: string) => load(`a: {image: x, ${fields}}`);
const compose = (fields: string, rest: string) => load(`services: {a: {image: x, ${fields}}}\n${rest}`);

const idsOf = (files: Parameters<typeof appOf>[0]) => appOf(files).volumes.map(({ id }) => id);
const own = defaultVolumeId('a');

describe('the identity of a volume', () => {
  it.each([
    ['volume', nativeWith('volume: {mountpoint: /data}')],
    ['the only one of volumes', nativeWith('volumes: [{mountpoint: /data}]')],
    ['another mountpoint', nativeWith('volumes: [{mountpoint: /var/lib/data}]')],
    ['Fig form', fig('volumes: [/data]')],
    ['Compose, without a name', compose('volumes: [/data]', '')],
    ['Compose, with a name', compose('volumes: ["pgdata:/data"]', 'volumes: {pgdata: }\n')],
  ])('of the first volume is the same in every form: %s', (_what, files) => {
    expect(idsOf(files)).toEqual([own]);
  });

  it('of the first stays when a second one is added in the list', () => {
    const second = defaultVolumeId('a:/config');
    expect(idsOf(nativeWith('volumes: [{mountpoint: /data}, {mountpoint: /config}]'))).toEqual([own, second]);
    expect(idsOf(nativeWith('volume: {mountpoint: /data}, volumes: [{mountpoint: /config}]'))).toEqual([own, second]);
    expect(idsOf(compose('volumes: ["pgdata:/data", "conf:/config"]', ''))).toEqual([own, second]);
  });

  it('is what the file gives it: dataset_id, or the name of a Compose volume', () => {
    expect(idsOf(nativeWith('volumes: [{mountpoint: /data, dataset_id: d1}]'))).toEqual(['d1']);
    expect(idsOf(compose('volumes: ["pgdata:/data"]', 'volumes: {pgdata: {name: d1}}\n'))).toEqual(['d1']);
    expect(complaints(compose('volumes: ["v:/data"]', 'volumes: {v: {name: "-"}}\n')).join()).toContain('and not "-"');
  });
});
