#!/usr/bin/env node
// A very small MySQL client for the tutorial: the `mysql2` driver, one statement, its rows as JSON.
//   node tutorials/mysql/query.mjs node1 'create database example'
//   node tutorials/mysql/query.mjs node2 'select * from example.testtable'
import mysql from 'mysql2/promise';
import { reachAt } from '../../lab/paths.mjs';

const addresses = { node1: '172.16.255.250', node2: '172.16.255.251' };
const [node, sql] = process.argv.slice(2);
if (sql === undefined) {
  console.error("usage: query.mjs node1|node2|ADDRESS 'SQL'");
  process.exit(64);
}

let connection;
try {
  connection = await mysql.createConnection({
    // In a lab without root the nodes' published ports are on loopback addresses.
    host: reachAt(addresses[node] ?? node),
    user: 'root',
    // The tutorial's own, as in application.yml.
    password: process.env.MYSQL_PWD ?? 'clusterhq',
    connectTimeout: 60_000,
  });
  const [rows] = await connection.query(sql);
  if (Array.isArray(rows)) {
    for (const row of rows) console.log(JSON.stringify(row));
    console.log(`${rows.length} row(s) seen through ${node}`);
  } else console.log(`done through ${node}`);
} catch (error) {
  console.error(`cannot ask the database through ${node}: ${error.message}`);
  process.exitCode = 1;
} finally {
  await connection?.end().catch(() => undefined);
}
