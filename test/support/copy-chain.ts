import type { ChildProcess } from 'node:child_process'
import { setTimeout as wait } from 'node:timers/promises'

import { connect, type Client } from '../../core/index.ts'
import { ChildBroker } from './child-broker.ts'
import { partitionsOf } from './client-kit.ts'
import type { CopyingOptions, CopyingStep } from './copying.ts'
import { follow, newReading, numbersIn } from './number-reader.ts'
import type { NumbersOptions } from './numbers-process.ts'
import { RestartingProcess } from './restarting-process.ts'
import { seededNumbers } from './seeded-numbers.ts'
import { startScript } from './start-script.ts'
import { soWithin } from './until.ts'

export type Fault = 'kill broker' | 'kill copier' | 'kill writer' | 'freeze broker' | 'freeze copier' | 'freeze writer'

export interface ChainOptions {
  readonly dir: string
  readonly seed: number
  readonly partitions: number
  readonly copiers: number
  /** What may happen: each once in this order, then drawn at random. */
  readonly kinds: readonly Fault[]
  /** How often something happens before the writer stops and all that is left must come through. */
  readonly faultCount: number
  readonly sessionTimeoutMs: number
  readonly transactionTimeoutMs: number
  /** How long somebody is frozen, at most. Milliseconds. */
  readonly frozenMsMax: number
  /** Between two faults, at most. Milliseconds. */
  readonly calmMsMax: number
  /** Starts a copier; default ours. */
  readonly startCopier?: (options: CopyingOptions) => ChildProcess
  readonly onFault?: (what: string) => void
  /** Told of everything that copiers say. */
  readonly onLine?: (name: string, line: string) => void
}

export interface ChainResult {
  readonly faults: string[]
  readonly injected: Readonly<Record<string, number>>
  readonly committed: number
  readonly aborted: number
  readonly copied: number
  /** Transactions that were frozen until their member had lost its partitions, and then tried to go on; all have to be refused. */
  readonly zombies: number
  readonly refusals: Readonly<Record<string, number>>
}

/** When nobody disturbs any more something is copied in this time: otherwise it hangs. */
const STUCK_MS = 120_000

/** What a copier has said of its transaction. */
interface Progress {
  transaction: string
  step: CopyingStep
  /** The transaction with which it was frozen for longer than its session, before it had offered positions. */
  zombie: string | undefined
}

/**
 * Numbers go through two topics: a writer fills the first in transactions, members of a group copy it to the second exactly once, and a reader of
 * committed records follows the second all the while, which may show it nothing but 0, 1, 2 ... in each partition. Meanwhile the broker and
 * all the others are killed and frozen.
 */
export async function copyChain(options: ChainOptions): Promise<ChainResult> {
  const { seed, partitions, kinds, sessionTimeoutMs, transactionTimeoutMs } = options
  const random = seededNumbers(seed)
  const below = (n: number): number => Math.floor(random() * n)
  const faults: string[] = []
  const refusals: Record<string, number> = {}
  const injected: Record<string, number> = {}
  const counts = { committed: 0, aborted: 0, zombies: 0 }
  const ends: (() => unknown)[] = []
  const broker = new ChildBroker({ teardown: (end) => void ends.push(end) }, options.dir, {
    'group.min.session.timeout.ms': 500,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.num.partitions': 4,
  })
  await broker.start()
  const bootstrap = `127.0.0.1:${broker.port}`
  const client = await connect(bootstrap, { requestTimeoutMs: 5000 })
  const topic = { partitions, configs: {} }
  await client.admin.createTopics([
    { name: 'numbers', ...topic },
    { name: 'copies', ...topic },
  ])

  const progress = new Map<string, Progress>()
  const heard = (name: string, line: string): void => {
    options.onLine?.(name, line)
    const [step, transaction, detail] = line.split(' ') as [CopyingStep, string, string]
    const state = progress.get(name) ?? { transaction, step, zombie: undefined }
    Object.assign(state, { transaction, step })
    progress.set(name, state)
    if (step === 'committed' || step === 'aborted') counts[step]++
    if (step === 'failed') refusals[detail] = (refusals[detail] ?? 0) + 1
    if (state.zombie !== transaction || step === 'begin' || step === 'offering' || step === 'ending') return
    if (step === 'committed') faults.push(`ZOMBIE ${name} committed transaction ${transaction}, after its partitions had gone to others`)
    state.zombie = undefined
    counts.zombies++
  }
  const copiers = Array.from({ length: options.copiers }, (_, i) => {
    const name = `copier-${i}`
    let life = 0
    const copying = (): CopyingOptions => ({
      bootstrap,
      name,
      group: 'copiers',
      from: 'numbers',
      to: 'copies',
      seed: seed * 10_000 + i * 100 + life++,
      abortShare: 0.2,
      dawdleMs: 100,
      sessionTimeoutMs,
      transactionTimeoutMs,
    })
    return new RestartingProcess(
      name,
      () => (options.startCopier ?? ((given: CopyingOptions) => startScript('copier-process.ts', given)))(copying()),
      (line) => heard(name, line),
    )
  })
  const writer = new RestartingProcess(
    'writer',
    () =>
      startScript('numbers-process.ts', {
        bootstrap,
        name: 'writer',
        topic: 'numbers',
        partitions,
        dawdleMs: 100,
        seed,
        abortShare: 0.2,
        transactionTimeoutMs,
      } satisfies NumbersOptions),
    () => {},
  )

  const reading = newReading(partitions)
  const reader = follow(client, 'copies', reading, faults)
  const frozen = (): number => 1000 + random() * (options.frozenMsMax - 1000)
  const inject = async (fault: Fault): Promise<void> => {
    injected[fault] = (injected[fault] ?? 0) + 1
    const copier = copiers[below(copiers.length)]!
    if (fault === 'kill broker') {
      await broker.kill()
      await broker.start()
    } else if (fault === 'kill copier') copier.kill()
    else if (fault === 'kill writer') writer.kill()
    else if (fault === 'freeze broker') {
      broker.freeze()
      await wait(frozen())
      broker.thaw()
    } else if (fault === 'freeze writer') {
      writer.freeze()
      await wait(frozen())
      writer.thaw()
    } else await freezeCopier(copier, frozen())
  }
  const freezeCopier = async (copier: RestartingProcess, ms: number): Promise<void> => {
    // In the middle of a transaction, when it works at all.
    for (let tries = 0; tries < 500 && progress.get(copier.name)?.step !== 'begin'; tries++) await wait(2)
    copier.freeze()
    // What it had said before is on its way.
    await wait(100)
    const state = progress.get(copier.name)
    const before = state?.step === 'begin' ? state.transaction : undefined
    await wait(ms)
    // Its session is over for sure, and the others have what it had.
    if (state !== undefined && ms > sessionTimeoutMs * 2) state.zombie = before
    copier.thaw()
  }

  try {
    for (let n = 0; n < options.faultCount && faults.length === 0; n++) {
      const before = reading.seen
      await wait(100 + below(options.calmMsMax))
      // However slow the machine is: what happened last has been got over.
      await soWithin(STUCK_MS, () => faults.length > 0 || reading.seen > before)
      if (reading.seen === before) faults.push(`STUCK: nothing was copied for ${STUCK_MS} ms after ${n} faults`)
      const kind = kinds[n < kinds.length ? n : below(kinds.length)]!
      options.onFault?.(`${kind}; ${reading.seen} copied`)
      await inject(kind)
    }
    await writer.end()
    // What it left open is aborted, and what it has committed is what has to be copied.
    await client.producer({ transactionalId: 'writer' }).init()
    const written = await numbersIn(client, 'numbers', partitions, faults)
    const all = (): boolean => faults.length > 0 || reading.next.every((next, partition) => next >= written[partition]!)
    for (let seen = -1; !all() && reading.seen > seen;) {
      seen = reading.seen
      await soWithin(STUCK_MS, () => all() || reading.seen > seen)
    }
    // Nothing more may come: a second copy would be late.
    await wait(500)
    const copied = await numbersIn(client, 'copies', partitions, faults)
    for (const [partition, next] of written.entries()) {
      const found = `${copied[partition]}, and its follower ${reading.next[partition]}`
      if (copied[partition] !== next || reading.next[partition] !== next)
        faults.push(`LOST in partition ${partition}: a new reader finds ${found}, of ${next}`)
    }
    // Whoever is killed now does not come back: the coordinator has to end what it leaves open.
    await Promise.all(copiers.map((copier) => copier.end()))
    await soWithin(STUCK_MS, async () => (await hanging(client, partitions)).length === 0)
    faults.push(...(await hanging(client, partitions)))
  } finally {
    reading.stopped = true
    await Promise.all([...copiers, writer].map((each) => each.end()))
    await reader
    await client.close()
    for (const end of ends) await end()
  }
  return { faults, injected, ...counts, copied: reading.seen, refusals }
}

/** Partitions whose readers are held back by a transaction. */
async function hanging(client: Client, partitions: number): Promise<string[]> {
  const places = ['numbers', 'copies'].flatMap((topic) => partitionsOf(topic, partitions)).map((tp) => ({ ...tp, at: 'latest' as const }))
  const stable = await client.admin.listOffsets(places, { isolationLevel: 'read_committed' })
  const ends = await client.admin.listOffsets(places)
  return places.flatMap(({ topic, partition }, i) => (stable[i]!.offset < ends[i]!.offset ? [`HANGING ${topic}-${partition}`] : []))
}
