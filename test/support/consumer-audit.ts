import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'

import type { Client } from '../../core/index.ts'
import type { CopyingOptions } from './copying.ts'
import { follow, newReading, numbersIn } from './number-reader.ts'
import { RestartingProcess } from './restarting-process.ts'
import { seededNumbers } from './seeded-numbers.ts'

export type Change = 'join' | 'leave' | 'kill' | 'freeze'

export interface AuditOptions {
  readonly client: Client
  readonly bootstrap: string
  /** Topics, group and transactional ids begin with it. */
  readonly prefix: string
  readonly seed: number
  readonly partitions: number
  /** How many there are at most; never fewer than a third of them. */
  readonly members: number
  readonly changes: number
  /** How the members keep their group, one after the other: more than one for a group that is moved from one to another. */
  readonly memberships: readonly NonNullable<CopyingOptions['membership']>[]
  readonly sessionTimeoutMs: number
  /** Between two changes, at most. Milliseconds. */
  readonly calmMsMax: number
  readonly onChange?: (what: string) => void
}

export interface AuditResult {
  /** Numbers that are lost, doubled, out of order, or of aborted transactions. */
  readonly faults: string[]
  readonly changes: Readonly<Record<string, number>>
  readonly copied: number
  readonly committed: number
  readonly aborted: number
  readonly refusals: Readonly<Record<string, number>>
}

/** Nothing is copied for so long: it hangs. */
const STUCK_MS = 120_000
const TRANSACTION_TIMEOUT_MS = 10_000

const start = (script: string, options: object): ChildProcess =>
  spawn(process.execPath, ['--conditions=moldau-source', join(import.meta.dirname, script), JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })

/**
 * A writer fills a topic with numbers in transactions, members of a group copy them to another one in transactions, and come, go, are killed and
 * frozen at random all the while. A reader of what is committed may see nothing but 0, 1, 2 ... in each partition.
 */
export async function consumerAudit(options: AuditOptions): Promise<AuditResult> {
  const { client, bootstrap, prefix, seed, partitions, memberships, sessionTimeoutMs } = options
  const random = seededNumbers(seed)
  const below = (n: number): number => Math.floor(random() * n)
  const [numbers, copies] = [`${prefix}-numbers`, `${prefix}-copies`]
  const faults: string[] = []
  const changes: Record<string, number> = {}
  const refusals: Record<string, number> = {}
  const counts = { committed: 0, aborted: 0 }
  await client.admin.createTopics([numbers, copies].map((name) => ({ name, partitions })))
  const hear = (line: string): void => {
    const [step, , detail] = line.split(' ') as [string, string, string]
    if (step === 'committed' || step === 'aborted') counts[step]++
    if (step === 'failed') refusals[detail] = (refusals[detail] ?? 0) + 1
  }
  /** By the number of their place, which gives them their transactional id: a new one at a place fences the one before. */
  const living = new Map<number, ChildProcess>()
  let joins = 0
  const join = (): void => {
    const place = Array.from({ length: options.members }, (_, i) => i).find((i) => !living.has(i))!
    const copying: CopyingOptions = {
      bootstrap,
      name: `${prefix}-${place}`,
      group: `${prefix}-copiers`,
      from: numbers,
      to: copies,
      seed: seed * 10_000 + joins,
      abortShare: 0.1,
      dawdleMs: 100,
      sessionTimeoutMs,
      transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
      membership: memberships[Math.min(memberships.length - 1, Math.floor((joins++ * memberships.length) / (options.members * 2)))]!,
    }
    const child = start('copier-process.ts', copying)
    createInterface(child.stdout!).on('line', hear)
    child.once('exit', (code, signal) => {
      if (living.get(place) !== child) return
      living.delete(place)
      faults.push(`member ${copying.name} has ended by itself with ${code ?? signal}`)
    })
    living.set(place, child)
  }
  const anyone = (): [number, ChildProcess] => [...living][below(living.size)]!
  const thaws: Promise<void>[] = []
  const change = async (kind: Change): Promise<void> => {
    changes[kind] = (changes[kind] ?? 0) + 1
    if (kind === 'join') return join()
    const [place, child] = anyone()
    if (kind === 'freeze') {
      child.kill('SIGSTOP')
      thaws.push(wait(sessionTimeoutMs * (0.3 + 2 * random())).then(() => void child.kill('SIGCONT')))
      return
    }
    living.delete(place)
    await end(child, kind === 'kill' ? 'SIGKILL' : 'SIGTERM')
  }
  const draw = (): Change => {
    if (living.size <= options.members / 3) return 'join'
    const kinds: Change[] = ['leave', 'kill', 'freeze', ...(living.size < options.members ? (['join', 'join'] as const) : [])]
    return kinds[below(kinds.length)]!
  }
  const writing = { bootstrap, name: `${prefix}-writer`, topic: numbers, partitions, dawdleMs: 100, seed, abortShare: 0.2 }
  const writer = new RestartingProcess(
    'writer',
    () => start('numbers-process.ts', { ...writing, transactionTimeoutMs: TRANSACTION_TIMEOUT_MS }),
    () => {},
  )
  const reading = newReading(partitions)
  const reader = follow(client, copies, reading, faults)
  try {
    for (let n = 0; n < options.members / 2; n++) join()
    for (let n = 0; n < options.changes && faults.length === 0; n++) {
      // Some changes meet a group that has not come to rest since the one before.
      if (below(3) > 0 && !(await movesOn(() => reading.seen)))
        faults.push(`STUCK: nothing was copied for ${STUCK_MS} ms after ${n} changes`)
      await wait(below(options.calmMsMax))
      const kind = draw()
      options.onChange?.(`${n}: ${kind} of ${living.size}; ${reading.seen} copied, ${counts.committed} transactions`)
      await change(kind)
    }
    await Promise.all(thaws)
    await writer.end()
    // What it left open is aborted, and what it has committed is what has to be copied.
    await client.producer({ transactionalId: writing.name }).init()
    const written = await numbersIn(client, numbers, partitions, faults)
    const all = (): boolean => faults.length > 0 || reading.next.every((next, partition) => next >= written[partition]!)
    while (!all() && (await movesOn(() => reading.seen)));
    // Nothing more may come: a second copy would be late.
    await wait(500)
    const copied = await numbersIn(client, copies, partitions, faults)
    for (const [partition, next] of written.entries()) {
      if (copied[partition] !== next) faults.push(`LOST in partition ${partition}: a new reader finds ${copied[partition]} of ${next}`)
    }
  } finally {
    reading.stopped = true
    const children = [...living.values()]
    living.clear()
    await Promise.all([writer.end(), ...children.map((child) => end(child, 'SIGKILL'))])
    await reader
  }
  return { faults, changes, copied: reading.seen, ...counts, refusals }
}

/** Waits until a count has risen. */
async function movesOn(count: () => number): Promise<boolean> {
  const before = count()
  for (const last = performance.now() + STUCK_MS; count() === before && performance.now() < last;) await wait(50)
  return count() > before
}

async function end(child: ChildProcess, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill(signal)
  // One that is frozen does not hear of it.
  if (signal === 'SIGTERM') child.kill('SIGCONT')
  await exited
}
