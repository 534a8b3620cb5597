/** What tests run in worker threads: counts behind a repartition topic, and an operator that dies or fails as a file says. */
import { readFileSync, rmSync } from 'node:fs'

import { int32, json, string } from '../../core/index.ts'
import { pipeline, tap, topic } from '../../pipelines/index.ts'

/** Where a test says what is to happen, in one word, once: its path is in the environment. */
const orders = process.env['MOLDAU_THREAD_ORDERS']
let ran = 0

function order(): string | undefined {
  if (orders === undefined || ++ran % 100 !== 50) return undefined
  try {
    const text = readFileSync(orders, 'utf8')
    rmSync(orders)
    return text
  } catch {
    return undefined
  }
}

const input = topic('in', { key: string, value: int32 })

export const counts = pipeline('counts')
  .from(input)
  .pipe(
    tap(() => {
      const what = order()
      if (what === 'exit') process.exit(3)
      if (what === 'fail') throw new RangeError('told to fail')
      if (what === 'uncaught') {
        setTimeout(() => {
          throw new Error('nobody catches this')
        })
      }
    }),
  )
  .keyBy((r) => `all-${r.value % 8}`, { key: string })
  .count()
  .to(topic('counts', { key: string, value: json<number>() }))

export const copies = pipeline('copies')
  .from(input)
  .to(topic('copies', { key: string, value: int32 }))
