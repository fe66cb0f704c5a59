#!/usr/bin/env node
// A very small MongoDB client for the tutorial: the official driver, one command, one answer.
//   node tutorials/mongodb/records.mjs node1 insert '{"the data": "it moves"}'
//   node tutorials/mongodb/records.mjs node2 find
//   node tutorials/mongodb/records.mjs node1 empty      takes all records out, where one too many was inserted
import { MongoClient } from 'mongodb';
import { reachAt } from '../../lab/paths.mjs';

const addresses = { node1: '172.16.255.250', node2: '172.16.255.251' };
const [node, verb, json] = process.argv.slice(2);
// In a lab without root the nodes' published ports are on loopback addresses.
const host = reachAt(addresses[node] ?? node ?? '');
if (node === undefined || !['insert', 'find', 'empty'].includes(verb) || (verb === 'insert' && json === undefined)) {
  console.error("usage: records.mjs node1|node2|ADDRESS insert 'JSON' | find | empty");
  process.exit(64);
}

const client = new MongoClient(`mongodb://${host}:27017/?directConnection=true`, { serverSelectionTimeoutMS: 30_000 });
try {
  const records = client.db('example').collection('records');
  if (verb === 'insert') {
    await records.insertOne(JSON.parse(json));
    console.log(`inserted through ${node}`);
  } else if (verb === 'empty') {
    const { deletedCount } = await records.deleteMany({});
    console.log(`${deletedCount} record(s) taken out through ${node}`);
  } else {
    const found = await records.find({}, { projection: { _id: 0 } }).toArray();
    for (const record of found) console.log(JSON.stringify(record));
    console.log(`${found.length} record(s) seen through ${node}`);
  }
} catch (error) {
  console.error(`cannot reach the database through ${node}: ${error.message}`);
  process.exitCode = 1;
} finally {
  await client.close();
}
