import { statSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'

import { json, string } from '../../core/index.ts'
import { map, mapAsync, pipeline, tap, topic, tumbling, type Pipeline } from '../../pipelines/index.ts'

/** One numbered record of the input. */
export interface ShopEvent {
  n: number
  amount: number
}

export interface ShopTotal {
  n: number
  total: number
}

export interface ShopWindow extends ShopTotal {
  start: number
}

export const ACCOUNTS = 40
export const BRANCHES = 8
export const WINDOW_MS = 1000
export const GRACE_MS = 100

/** One in so many records cannot be taken. */
const BAD_EVERY = 97

export function isBad(n: number): boolean {
  return n % BAD_EVERY === 13
}

export function accountOf(n: number): string {
  return `a${(n * 7) % ACCOUNTS}`
}

export function branchOf(n: number): string {
  return `b${(n * n) % BRANCHES}`
}

export function ownerOf(account: string): string {
  return `owner of ${account}`
}

export function timeOf(n: number): number {
  return 1_000_000_000 + n * 3
}

export const TOPICS = ['events', 'accounts', 'totals', 'windows', 'joined', 'dead'] as const

const events = topic('events', { key: string, value: json<ShopEvent>() })
const accounts = topic('accounts', { key: string, value: string })

const sum = {
  init: (): ShopTotal => ({ n: 0, total: 0 }),
  add: (all: ShopTotal, r: { value: ShopEvent }): ShopTotal => ({ n: all.n + 1, total: all.total + r.value.amount }),
}

/**
 * Counts behind a repartition topic, windows behind another one, a join with a table, calls, and dead letters.
 *
 * @param slow a file: while it is there, calls take long
 * @param failing a file: while it is there, an operator throws now and then, which ends the process
 */
export function shopJobs(slow: string, failing: string): Pipeline[] {
  const isSlow = watched(slow)
  const isFailing = watched(failing)
  let fed = 0
  const totals = pipeline('totals')
    .from(events)
    .pipe(
      tap(() => {
        if (++fed % 50 === 49 && isFailing()) throw new Error('told to fail')
      }),
    )
    .keyBy((r) => branchOf(r.value.n), { key: string })
    .aggregate(sum)
    .to(topic('totals', { key: string, value: json<ShopTotal>() }))
  const windows = pipeline('windows')
    .from(events)
    .keyBy((r) => branchOf(r.value.n), { key: string })
    .window(tumbling(WINDOW_MS, { grace: GRACE_MS }))
    .aggregate(sum)
    .pipe(map((w) => ({ key: w.key, value: { start: w.window.start, ...w.value } })))
    .to(topic('windows', { key: string, value: json<ShopWindow>() }))
  const start = pipeline('joined')
  const joined = start
    .from(events)
    .join(start.table(accounts), (event, owner) => ({ n: event.n, owner }))
    .pipe(
      map(
        (r) => {
          if (isBad(r.value.n)) throw new RangeError(`${r.value.n} is bad`)
          return r
        },
        { onError: 'dead-letter' },
      ),
      mapAsync(
        async (r) => {
          if (isSlow()) await wait(20)
          return r
        },
        { concurrency: 32 },
      ),
    )
    .to(topic('joined', { key: string, value: json<{ n: number; owner: string }>() }))
  return [totals, windows, joined]
}

const LOOK_EVERY_MS = 50

/** Whether a file is there, looked at now and then. */
function watched(path: string): () => boolean {
  let lookedAt = 0
  let isThere = false
  return () => {
    if (Date.now() - lookedAt > LOOK_EVERY_MS) {
      lookedAt = Date.now()
      isThere = statSync(path, { throwIfNoEntry: false }) !== undefined
    }
    return isThere
  }
}
