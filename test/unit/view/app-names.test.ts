import { expect, it } from 'vitest';
import { appNames, namesText } from '../../../src/view/app-names.ts';
import { aCluster, noNames, onNode } from '../../builders.ts';

it('the names of an application are those on all its networks, from the table of any node, of its own deployment', () => {
  const entry = {
    application: 'db',
    address: '198.18.3.7',
    networks: [
      { network: 'back', names: ['database', 'db'] },
      { network: 'front', names: ['db', 'sql'] },
    ],
    ports: [{ port: 5432, protocol: 'tcp' as const, meshPort: 20_001 }],
  };
  const names = {
    ...noNames,
    entries: [
      { ...entry, deployment: 'default' },
      { ...entry, deployment: 'other', application: 'x' },
    ],
  };
  const found = appNames(aCluster(onNode('a'), onNode('b', { network: { names } })), 'default');
  expect([...found.keys()]).toEqual(['db']);
  const db = found.get('db');
  expect(db && namesText(db)).toBe('db, database, sql at 198.18.3.7, port 5432/tcp');
});
