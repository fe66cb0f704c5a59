import { describe, expect, it } from 'vitest';
import { defaultVolumeId } from '../../../src/model/names.ts';
import { appOf, complaints, configOf, idle, load, nativeWith } from './loading.ts';

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
  ])('of the first volume is that of its application: %s', (_what, files) => {
    expect(idsOf(files)).toEqual([own]);
  });

  it('of the first stays when a second one is added in the list', () => {
    const second = defaultVolumeId('a:/config');
    expect(idsOf(nativeWith('volumes: [{mountpoint: /data}, {mountpoint: /config}]'))).toEqual([own, second]);
    expect(idsOf(nativeWith('volume: {mountpoint: /data}, volumes: [{mountpoint: /config}]'))).toEqual([own, second]);
  });

  it.each([
    ['the only one', 'volumes: ["pgdata:/data"]', ['shop_pgdata']],
    ['in any order', 'volumes: ["conf:/config", "pgdata:/data"]', ['shop_conf', 'shop_pgdata']],
    ['in the long form', 'volumes: [{type: volume, source: pgdata, target: /data}]', ['shop_pgdata']],
    ['without a name: of its mountpoint', 'volumes: [/data]', [defaultVolumeId('a:/data')]],
    ['after another', 'volumes: ["conf:/config", /data]', ['shop_conf', defaultVolumeId('a:/data')]],
  ])('of a Compose file is that of its name in the deployment: %s', (_what, fields, ids) => {
    expect(idsOf(compose(fields, 'name: shop\nvolumes: {pgdata: , conf: }\n'))).toEqual(ids);
  });

  it('begins with the name that the deployment has in the end', () => {
    const file = 'name: shop\nservices: {a: {image: x, volumes: ["pgdata:/data"]}}\n';
    const named = configOf(load(file, idle, 'version: 1\nname: store\n'));
    expect(named.applications.a?.volumes).toEqual([{ id: 'store_pgdata', name: 'pgdata', mountpoint: '/data' }]);
  });

  it('is what the file gives it: dataset_id, or the name of a Compose volume', () => {
    expect(idsOf(nativeWith('volumes: [{mountpoint: /data, dataset_id: d1}]'))).toEqual(['d1']);
    expect(idsOf(compose('volumes: ["pgdata:/data"]', 'volumes: {pgdata: {name: d1}}\n'))).toEqual(['d1']);
    expect(idsOf(compose('volumes: ["pgdata:/data"]', 'volumes: {pgdata: {external: true}}\n'))).toEqual(['pgdata']);
    expect(complaints(compose('volumes: ["v:/data"]', 'volumes: {v: {name: "-"}}\n')).join()).toContain('and not "-"');
  });
});
