import { readFileSync } from 'node:fs'

import test from 'ava'

import { handlers } from '../../core/broker/handlers.ts'
import { apiByKey } from '../../core/protocol/apis.ts'

const text = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8')

/** The newest key of Kafka 4.4. */
const LAST_KEY = 94
/** The cells of the first table under a heading or after a sentence. */
function tableAfter(words: string): string[][] {
  const lines = text.slice(text.indexOf(words)).split('\n')
  const start = lines.findIndex((line) => line.startsWith('|'))
  const rows = lines.slice(start)
  const end = rows.findIndex((line) => !line.startsWith('|'))
  return rows.slice(2, end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}

/** `4, 7 to 9` */
function numbersIn(cell: string): number[] {
  return cell.split(',').flatMap((part) => {
    const [first, last = first] = part.split('to').map(Number)
    return Array.from({ length: last! - first! + 1 }, (_, i) => first! + i)
  })
}

test('the table of docs/protocol.md is what the handlers serve', (t) => {
  const rows = tableAfter('## Calls that are served')
  const notes = new Map(rows.map(([key, , , note]) => [key, note]))
  const served = handlers.map(({ api, minVersion, maxVersion }) => {
    return [String(api.key), api.name, minVersion === maxVersion ? `${minVersion}` : `${minVersion} to ${maxVersion}`]
  })
  const wanted = served.map((row) => `| ${row.join(' | ')} | ${notes.get(row[0]!) ?? ''}`.trimEnd() + ' |').join('\n')
  const found = rows.map(([key, name, versions]) => [key, name, versions])
  t.deepEqual(found, served, `paste into docs/protocol.md:\n\n${wanted}\n`)
})

test('every call of Kafka is in one place of docs/protocol.md: served, not there yet, or of no use to a client', (t) => {
  const served = tableAfter('## Calls that are served').flatMap(([key]) => numbersIn(key!))
  const missing = tableAfter('Calls that a broker of Kafka 4.4').map(([keys, names]) => ({
    keys: numbersIn(keys!),
    names: names!.split(', '),
  }))
  for (const { keys, names } of missing) {
    t.is(names.length, keys.length, `${keys.join()}: a name for each key`)
    for (const [i, key] of keys.entries()) t.is(apiByKey(key)?.name ?? names[i], names[i])
  }
  const useless = text
    .slice(text.indexOf('The remaining keys'))
    .match(/\d+ to \d+|\d+/g)!
    .flatMap(numbersIn)
  const all = [...served, ...missing.flatMap(({ keys }) => keys), ...useless].toSorted((a, b) => a - b)
  t.deepEqual(
    all,
    Array.from({ length: LAST_KEY + 1 }, (_, key) => key),
  )
})
