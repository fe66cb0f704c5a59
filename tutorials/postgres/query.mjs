#!/usr/bin/env node
// A very small PostgreSQL client for the tutorial: the `pg` driver, one statement, its rows as JSON.
//   node tutorials/postgres/query.mjs node1 postgres 'create database flockertest'
//   node tutorials/postgres/query.mjs node2 flockertest 'select * from testtable'
import pg from 'pg';
import { reachAt } from '../../lab/paths.mjs';

const addresses = { node1: '172.16.255.250', node2: '172.16.255.251' };
const [node, database, sql] = process.argv.slice(2);
if (sql === undefined) {
  console.error("usage: query.mjs node1|node2|ADDRESS DATABASE 'SQL'");
  process.exit(64);
}

const client = new pg.Client({
  // In a lab without root the nodes' published ports are on loopback addresses.
  host: reachAt(addresses[node] ?? node),
  user: 'postgres',
  // The tutorial's own, as in application.yml.
  password: process.env.PGPASSWORD ?? 'clusterhq',
  database,
  connectionTimeoutMillis: 60_000,
});
client.on('error', () => undefined);
try {
  await client.connect();
  const { command, rows } = await client.query(sql);
  for (const row of rows) console.log(JSON.stringify(row));
  console.log(command === 'SELECT' ? `${rows.length} row(s) seen through ${node}` : `${command} through ${node}`);
} catch (error) {
  console.error(`cannot ask the database through ${node}: ${error.message}`);
  process.exitCode = 1;
} finally {
  await client.end().catch(() => undefined);
}
