import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import test from 'ava'

import { clientSettings } from '../../core/client/client-options.ts'
import { consumerSettings } from '../../core/client/consumer-options.ts'
import { producerSettings } from '../../core/client/producer-options.ts'

const page = readFileSync(join(import.meta.dirname, '../../docs/client.md'), 'utf8')
const tables = { 'A client': clientSettings, 'A producer': producerSettings, 'A consumer': consumerSettings }

for (const [title, settings] of Object.entries(tables)) {
  test(`docs/client.md names each setting of ${title.toLowerCase()}, with Kafka's name and the default`, (t) => {
    const section = page.split(`\n### ${title}\n`)[1]?.split('\n#')[0] ?? ''
    const rows = [...section.matchAll(/^\| `(\w+)` \| (?:`([\w.]+)`|–) \| ([^|]*?) \|/gm)].map(([, name, kafka, value]) => [
      name,
      kafka,
      value,
    ])
    const expected = Object.entries(settings).map(([name, { kafka, default: value }]) => [name, kafka ?? undefined, shown(value)])
    t.deepEqual(rows, expected)
  })
}

/** Something that is no plain value, such as a clock, is described in words instead. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map((each) => `\`${String(each)}\``).join(', ')
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? `\`${value}\`` : ''
}
