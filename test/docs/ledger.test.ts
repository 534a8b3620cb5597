import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import test from 'ava'

const root = join(import.meta.dirname, '../..')
const text = readFileSync(join(root, 'docs/ledger.md'), 'utf8')

const sources = (pattern: string): string =>
  globSync(pattern, { cwd: root })
    .map((file) => readFileSync(join(root, file), 'utf8'))
    .join('\n')

test('every counterexample of docs/ledger.md names a test that shows it', (t) => {
  const tests = sources('test/connectors/ledger-*.test.ts')
  // Titles that are put together: `${what} must be synced: …`
  const titles = tests.replaceAll(/^ {2}'(the [^']+)': \{/gm, "'$1 must be synced")
  const rows = [...text.split('## Counterexamples')[1]!.matchAll(/^\| .* \| .* \| (.*) \|$/gm)]
    .map(([, name]) => name!)
    .filter((name) => name !== 'test')
  t.true(rows.length > 15)
  for (const name of rows) t.true(titles.includes(`'${name}${/^[NC]\d/.test(name) ? ':' : ''}`), name)
  for (const [, name] of text.matchAll(/`(three writers[^`]*|power lost[^`]*)`/g)) t.true(titles.includes(`'${name}`), name)
})

test('every step that comments of the ledger name is in docs/ledger.md', (t) => {
  const comments = [...sources('connectors/hdfs/**/*.ts').matchAll(/(?:\/\/|\*).*/g)].map(([line]) => line).join('\n')
  const steps = new Set(comments.match(/\b(?:H[1-4]|S[1-5]|C[1-8]|K[1-3]|N(?:10|[1-9]))\b/g))
  t.true(steps.size > 10)
  for (const step of steps) t.regex(text, new RegExp(`\\b${step}\\b`))
})
