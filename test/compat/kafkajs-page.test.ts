import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import test from 'ava'

import { jsPackages } from '../support/client-program.ts'
import { missing } from '../support/missing.ts'

const page = readFileSync(join(import.meta.dirname, '../../docs/coming-from-kafkajs.md'), 'utf8')

/** What a program of kafkajs deals with. */
const TYPES =
  'KafkaConfig ProducerConfig ConsumerConfig RetryOptions ConsumerRunConfig Kafka Sender Producer Transaction Consumer EachBatchPayload Batch ' +
  'Admin ProducerEvents ConsumerEvents AdminEvents'

/** Names of the members that a type declares itself. */
function membersOf(types: string, name: string): string[] {
  const declaration = new RegExp(`^(?:export )?(?:type|interface|class) ${name}\\b[^{]*\\{\n([^]*?)^\\}`, 'm').exec(types)
  if (declaration === null) throw new Error(`kafkajs has no type ${name}`)
  const members = Array.from(declaration[1]!.matchAll(/^ {2}(?:readonly )?(\w+)[?(:<]/gm), ([, member]) => member!)
  return members.filter((member) => member !== 'constructor')
}

test('docs/coming-from-kafkajs.md has each call, option, event and error of kafkajs', async (t) => {
  let folder: string
  try {
    folder = await jsPackages()
  } catch (error) {
    return missing(t, 'kafkajs', error)
  }
  const types = readFileSync(join(folder, 'node_modules/kafkajs/types/index.d.ts'), 'utf8')
  const errors = Array.from(types.matchAll(/^export class (KafkaJS\w+)/gm), ([, name]) => name!)
  t.true(errors.length > 10)
  const cells = Array.from(page.matchAll(/^\| ([^|]*)\|/gm), ([, cell]) => cell!).join(' ')
  const words = new Set(Array.from(cells.matchAll(/`([^`]*)`/g), ([, code]) => code!.split(/\W+/)).flat())
  const names = [...TYPES.split(' ').flatMap((type) => membersOf(types, type)), ...errors]
  t.true(names.length > 150)
  const absent = [...new Set(names)].filter((name) => !words.has(name))
  t.deepEqual(absent, [])
})
