// Prints the precision of ClickHouse's topK and of DuckDB's approx_top_k on the streams of the accuracy benchmarks, against exact
// counts. Both engines run in this process.
//
// usage: npm install --prefix DIR chdb @duckdb/node-api && NODE_PATH=DIR/node_modules node approximate.mjs GENERATE [EVENTS]
// GENERATE is the binary of ../sql/generate.cpp.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const require = createRequire(process.env.NODE_PATH + '/')
const { query } = require('chdb')
const { DuckDBInstance } = require('@duckdb/node-api')

const [generate, events = '2000000'] = process.argv.slice(2)
const directory = mkdtempSync(join(tmpdir(), 'approximate-'))
const file = join(directory, 'rows.tsv')
const duckdb = await (await DuckDBInstance.create()).connect()
const rows = `read_csv('${file}', delim = '\t', header = false, columns = {'item': 'VARCHAR', 'ts': 'VARCHAR', 'hour': 'INT'})`

const clickhouse = expression =>
  JSON.parse(query(`SELECT ${expression} AS top FROM file('${file}', TSV, 'item String, ts String, hour Int32')`, 'JSONEachRow')).top

// Items that tie with the last place are right.
function score(top, exact) {
  const sorted = [...exact.values()].sort((a, b) => b - a)
  const precision = k => top.slice(0, k).filter(t => exact.get(t.item) >= sorted[k - 1]).length / k
  const errors = top.filter(t => t.count !== undefined).map(t => Math.abs(t.count - exact.get(t.item)) / exact.get(t.item))
  const mean = errors.length > 0 ? (errors.reduce((a, b) => a + b) / errors.length).toFixed(4) : ''
  return `${precision(10).toFixed(1)} | ${precision(100).toFixed(2)} | ${mean}`
}

console.log('| stream | function | precision@10 | precision@100 | relative error of the reported |\n|---|---|--:|--:|--:|')
try {
  for (const stream of ['zipf0.5', 'zipf0.7', 'zipf0.8', 'zipf1.1', 'drift', 'equal', 'singletons']) {
    execFileSync('sh', ['-c', `"$0" ${stream} ${events} > ${file}`, generate])
    const counts = await duckdb.runAndReadAll(`SELECT item, count(*) FROM ${rows} GROUP BY item`)
    const exact = new Map(counts.getRows().map(([item, count]) => [item, Number(count)]))
    const approximate = await duckdb.runAndReadAll(`SELECT unnest(approx_top_k(item, 100)) FROM ${rows}`)
    const answers = {
      "ClickHouse topK(100)": clickhouse(`topK(100, 3, 'counts')(item)`).map(t => ({ item: t[0] ?? t.item, count: Number(t[1] ?? t.count) })),
      "ClickHouse topK(100, 20)": clickhouse(`topK(100, 20, 'counts')(item)`).map(t => ({ item: t[0] ?? t.item, count: Number(t[1] ?? t.count) })),
      'DuckDB approx_top_k(100)': approximate.getRows().map(([item]) => ({ item })),
    }
    for (const [name, top] of Object.entries(answers)) console.log(`| ${stream} | ${name} | ${score(top, exact)} |`)
  }
} finally {
  rmSync(directory, { recursive: true })
}
