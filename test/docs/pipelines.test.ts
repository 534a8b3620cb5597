import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import test from 'ava'

import * as core from '../../core/index.ts'
import * as pipelines from '../../pipelines/index.ts'
import { typeErrors } from '../support/type-errors.ts'

const page = readFileSync(join(import.meta.dirname, '../../docs/pipelines.md'), 'utf8')

/** What the page's blocks take for granted: a block that names something new declares it, or it is added here. */
const AROUND = `
import type { Client } from 'moldau/core'
import type { Pipeline, PipelineMetrics, Topic, TopicRecord, OutputRecord } from 'moldau/pipelines'
interface Order { customer: string; total: number }
interface Customer { name: string; city: string }
declare const client: Client
declare const delays: Pipeline, archive: Pipeline
declare function show(metrics: readonly PipelineMetrics[]): void
declare const orders: Topic<string, Order>, returns: Topic<string, { order: Order }>, bigOrders: Topic<string, Order>
declare const ordersPerCustomer: Topic<string, number>, customersTopic: Topic<string, Customer>
declare const located: Topic<string, Order & { city: string }>
declare const berliners: Topic<string, { name: string; orders: number } | null>
declare function asOrder(back: { order: Order }): Order
`

/** A block as a program: of the package, it imports what it names. */
function program(block: string): string {
  const [head, body] = [block.split('\n').filter(isImport), block.split('\n').filter((line) => !isImport(line))]
  const names = (from: object): string[] =>
    Object.keys(from).filter(
      (name) => new RegExp(`(?<![.\\w])${name}\\b`).test(body.join('\n')) && !head.some((line) => line.includes(name)),
    )
  return [
    ...head,
    `import { ${names(core).join(', ')} } from 'moldau/core'`,
    `import { ${names(pipelines).join(', ')} } from 'moldau/pipelines'`,
    AROUND,
    'export async function block() {',
    ...body.map((line) => line.replace(/^export /, '')),
    '}',
  ].join('\n')
}

function isImport(line: string): boolean {
  return line.startsWith('import ')
}

test('the code of docs/pipelines.md type-checks', async (t) => {
  const blocks = Array.from(page.matchAll(/^```ts\n([^]*?)^```/gm), ([, block]) => block!)
  t.true(blocks.length >= 3)
  t.deepEqual(await typeErrors(t, blocks.map(program)), [], 'names that a block takes for granted stand in AROUND')
})
