import { setTimeout as wait } from 'node:timers/promises'

import type { Client } from '../../core/index.ts'
import { AuditMembers } from './audit-members.ts'
import type { CopyingFlaw, CopyingOptions } from './copying.ts'
import { follow, newReading, numbersIn } from './number-reader.ts'
import { RestartingProcess } from './restarting-process.ts'
import { seededNumbers } from './seeded-numbers.ts'
import { startScript } from './start-script.ts'

export type Change = 'join' | 'leave' | 'kill' | 'freeze'

export interface AuditOptions {
  readonly client: Client
  readonly bootstrap: string
  /** Topics, group and transactional ids begin with it. */
  readonly prefix: string
  readonly seed: number
  readonly partitions: number
  /** How many there are at first. As many come as go. */
  readonly members: number
  readonly changes: number
  /**
   * How the members keep their group. More than one, for a group that is moved: after equal parts of the changes in the first half whoever joins has the
   * next, and whoever goes is of those that do not. Some of each have to copy something.
   */
  readonly memberships: readonly NonNullable<CopyingOptions['membership']>[]
  readonly sessionTimeoutMs: number
  /** Between two changes, at most. Milliseconds. */
  readonly calmMsMax: number
  readonly onChange?: (what: string) => void
  /** What happens, in any order, again and again; default as many joins as ends. */
  readonly kinds?: readonly Change[]
  /** What the members do wrong. */
  readonly flaw?: CopyingFlaw
  /** How long a member may tarry before it offers its positions, and again before it ends the transaction; default 100 ms. */
  readonly dawdleMs?: number
}

export interface AuditResult {
  /** Numbers that are lost, doubled, out of order, or of aborted transactions; members and groups that hang. */
  readonly faults: string[]
  readonly changes: Readonly<Record<string, number>>
  /** Processes that were started. */
  readonly joins: number
  /** On average, when something changed. */
  readonly alive: number
  readonly copied: number
  /** By membership, as far as they lived to tell. */
  readonly copiedBy: readonly number[]
  readonly committed: number
  readonly aborted: number
  readonly refusals: Readonly<Record<string, number>>
}

/** Nothing is copied for so long: it hangs. */
const STUCK_MS = 120_000
const TRANSACTION_TIMEOUT_MS = 10_000
const KINDS: readonly Change[] = ['join', 'leave', 'freeze', 'join', 'kill']

/**
 * A writer fills a topic with numbers in transactions, members of a group copy them to another one in transactions, and come, go, are killed and
 * frozen at random all the while. A reader of what is committed may see nothing but 0, 1, 2 ... in each partition.
 */
export async function consumerAudit(options: AuditOptions): Promise<AuditResult> {
  const { client, bootstrap, prefix, seed, partitions, memberships, sessionTimeoutMs, flaw, kinds = KINDS, dawdleMs = 100 } = options
  const random = seededNumbers(seed)
  const below = (n: number): number => Math.floor(random() * n)
  const [numbers, copies] = [`${prefix}-numbers`, `${prefix}-copies`]
  const faults: string[] = []
  const changes: Record<string, number> = {}
  await client.admin.createTopics([numbers, copies].map((name) => ({ name, partitions })))
  const copying = {
    bootstrap,
    name: prefix,
    group: `${prefix}-copiers`,
    from: numbers,
    to: copies,
    abortShare: 0.1,
    dawdleMs,
    sessionTimeoutMs,
    transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
    ...(flaw === undefined ? {} : { flaw }),
  }
  const members = new AuditMembers({ copying, seed, memberships, faults })
  // What is dealt comes out even, so that there are always about as many as at first.
  const deck: Change[] = []
  const draw = (): Change => {
    if (deck.length === 0) for (let n = 0; n < Math.max(1, options.members / kinds.length); n++) deck.push(...kinds)
    return deck.splice(below(deck.length), 1)[0]!
  }
  const change = async (kind: Change): Promise<void> => {
    changes[kind] = (changes[kind] ?? 0) + 1
    if (kind === 'join') return members.join()
    if (kind === 'freeze') return members.freeze(below, sessionTimeoutMs * (0.3 + 2 * random()))
    await members[kind](below)
  }
  const writing = { bootstrap, name: `${prefix}-writer`, topic: numbers, partitions, dawdleMs: 100, seed, abortShare: 0.2 }
  const writer = new RestartingProcess(
    'writer',
    () => startScript('numbers-process.ts', { ...writing, transactionTimeoutMs: TRANSACTION_TIMEOUT_MS }),
    () => {},
  )
  const reading = newReading(partitions)
  const reader = follow(client, copies, reading, faults)
  /** Waits until something holds, or nothing is copied any more. */
  const until = async (holds: () => boolean): Promise<boolean> => {
    for (let [seen, last] = [-1, 0]; !holds() && faults.length === 0; await wait(50)) {
      if (reading.seen > seen) [seen, last] = [reading.seen, performance.now() + STUCK_MS]
      else if (performance.now() > last) return false
    }
    return holds()
  }
  const stuck = (what: string): void => {
    if (faults.length === 0) faults.push(`STUCK: ${what}; nothing was copied for ${STUCK_MS} ms`)
  }
  let alive = 0
  try {
    for (let n = 0; n < options.members; n++) members.join()
    for (let n = 0; n < options.changes && faults.length === 0; n++) {
      const before = reading.seen
      // Some changes meet a group that has not come to rest since the one before.
      if ((n === 0 || below(3) > 0) && members.size > 0 && !(await until(() => reading.seen > before))) stuck(`after ${n} changes`)
      await wait(below(options.calmMsMax))
      const stage = Math.min(memberships.length - 1, Math.floor((n * 2 * (memberships.length - 1)) / options.changes))
      // All may have gone.
      const kind = stage > members.stage || members.size === 0 ? 'join' : draw()
      members.stage = stage
      alive += members.size
      options.onChange?.(`${n}: ${kind}, ${members.size} alive; ${reading.seen} copied, ${members.transactions.committed} transactions`)
      await change(kind)
    }
    await members.thawed()
    // Those of the last membership may be about to begin.
    if (!(await until(() => members.copied.every((count) => count > 0)))) stuck(`records copied by membership: ${members.copied.join()}`)
    await writer.end()
    // What it left open is aborted, and what it has committed is what has to be copied.
    await client.producer({ transactionalId: writing.name }).init()
    const written = await numbersIn(client, numbers, partitions, faults)
    await until(() => reading.next.every((next, partition) => next >= written[partition]!))
    // Nothing more may come: a second copy would be late.
    await wait(500)
    const copied = await numbersIn(client, copies, partitions, faults)
    for (const [partition, next] of written.entries()) {
      if (copied[partition] !== next) faults.push(`LOST in partition ${partition}: a new reader finds ${copied[partition]} of ${next}`)
    }
  } finally {
    reading.stopped = true
    await Promise.all([writer.end(), members.end()])
    await reader
  }
  const { joins, transactions, refusals, copied: copiedBy } = members
  return { faults, changes, joins, alive: alive / options.changes, copied: reading.seen, copiedBy, ...transactions, refusals }
}
