import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import test from 'ava'
import * as pipelines from '../../pipelines/index.ts'

const page = readFileSync(join(import.meta.dirname, '../../docs/pipelines/coming-from-kafka-streams.md'), 'utf8')

test('what the page for users of Kafka Streams names on our side is there', (t) => {
  const rights = Array.from(page.matchAll(/^\| `[A-Z]\w+\.[^|]+\|([^|]+)\|$/gm), ([, right]) => right!)
  t.true(rights.length > 30)
  const classes = pipelines as unknown as Record<string, { prototype: object }>
  let members = 0
  for (const [, owner, member] of rights.join('\n').matchAll(/`(\w+)\.(\w+)`/g)) {
    t.true(member! in classes[owner!]!.prototype, `${owner}.${member}`)
    members++
  }
  t.true(members > 30)
  for (const [, operators] of rights.join('\n').matchAll(/with ((?:`\w+`(?:, | and )?)+)/g)) {
    for (const [, name] of operators!.matchAll(/`(\w+)`/g)) t.true(name === 'stores' || name! in pipelines, name)
  }
})
