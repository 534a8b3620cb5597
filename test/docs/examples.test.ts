import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import test from 'ava'

import * as core from '../../core/index.ts'
import * as testing from '../../core/testing/index.ts'
import { typeErrors } from '../support/type-errors.ts'

const root = join(import.meta.dirname, '../..')
const SOURCES = [
  'core/index.ts',
  'core/broker/broker.ts',
  'core/client/**/*.ts',
  'core/observe/*.ts',
  'core/serde/*.ts',
  'core/testing/*.ts',
]

/** What examples take for granted. */
const AROUND = `
import type * as moldau from 'moldau/core'
type Assignor = moldau.Assignor
type Order = { to: string }
declare const broker: moldau.Broker, client: moldau.Client, admin: moldau.Client['admin'], consumer: moldau.Consumer, producer: moldau.Producer
declare const batch: moldau.ConsumerBatch, record: moldau.ProducerRecord, topic: string, password: string, i: number
declare const origins: string[], flights: string[]
declare function work(...what: unknown[]): Promise<void>
`

/** The code blocks of the comments of a file. */
function examplesOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8')
  return Array.from(text.matchAll(/^ *\* ```ts\n([^]*?)^ *\* ```$/gm), ([, block]) => block!.replaceAll(/^ *\* ?/gm, ''))
}

/** An example as a program: what it imports itself first, then what it names of the package. */
function program(example: string): string {
  const imports = example.split('\n').filter((line) => line.startsWith('import '))
  const body = example.split('\n').filter((line) => !line.startsWith('import '))
  const names = (from: object): string[] =>
    Object.keys(from).filter((name) => new RegExp(`\\b${name}\\b`).test(body.join('\n')) && !imports.some((line) => line.includes(name)))
  const [own, forTests] = [names(core), names(testing).filter((name) => !(name in core))]
  return [
    ...imports,
    `import { ${own.join(', ')} } from 'moldau/core'`,
    `import { ${forTests.join(', ')} } from 'moldau/core/testing'`,
    AROUND,
    'export async function example() {',
    ...body,
    '}',
  ].join('\n')
}

test('the examples in the comments of the client, the broker and their surroundings type-check', async (t) => {
  const examples = SOURCES.flatMap((pattern) => globSync(pattern, { cwd: root })).flatMap(examplesOf)
  t.true(examples.length > 20)
  t.deepEqual(await typeErrors(t, examples.map(program)), [])
})
