import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'

import type { CopyingOptions, CopyingStep } from './copying.ts'
import { startScript } from './start-script.ts'

/** How long a member may take to end what it does and leave. */
const LEAVING_MS = 120_000

/** What a producer is told whose transaction the coordinator has aborted because it was open for too long. */
const late: ReadonlySet<string> = new Set(['INVALID_TXN_STATE', 'INVALID_PRODUCER_EPOCH', 'PRODUCER_FENCED'])

export interface MembersOptions {
  /** What all have in common; their names are this one's with the number of their place. */
  readonly copying: Omit<CopyingOptions, 'seed' | 'membership'>
  readonly seed: number
  /** How members keep their group; those who join have that of the stage. */
  readonly memberships: readonly NonNullable<CopyingOptions['membership']>[]
  /** What is said here is wrong with them. */
  readonly faults: string[]
}

interface Member {
  readonly place: number
  readonly child: ChildProcess
  /** Of `memberships` */
  readonly stage: number
}

/** Processes that copy as members of one group, and come and go. */
export class AuditMembers {
  readonly #options: MembersOptions
  /** By the number of their place, which gives them their transactional id: a new one at a place fences the one before. */
  readonly #living: Map<number, Member>
  readonly #thaws: Promise<void>[]
  #joins: number
  /** Of `memberships`: that of whoever joins now. Those with the ones before it go first. */
  stage: number
  /** Records that were copied, by membership. */
  readonly copied: number[]
  readonly transactions: { committed: number; aborted: number }
  readonly refusals: Record<string, number>

  constructor(options: MembersOptions) {
    this.#options = options
    this.#living = new Map()
    this.#thaws = []
    this.#joins = 0
    this.stage = 0
    this.copied = options.memberships.map(() => 0)
    this.transactions = { committed: 0, aborted: 0 }
    this.refusals = {}
  }

  get size(): number {
    return this.#living.size
  }

  get joins(): number {
    return this.#joins
  }

  join(): void {
    const { copying, seed, memberships, faults } = this.#options
    let place = 0
    while (this.#living.has(place)) place++
    const { stage } = this
    const name = `${copying.name}-${place}`
    const child = startScript('copier-process.ts', {
      ...copying,
      name,
      seed: seed * 10_000 + this.#joins++,
      membership: memberships[stage]!,
    } satisfies CopyingOptions)
    createInterface(child.stdout!).on('line', (line) => this.#hear(line, name, stage))
    const member = { place, child, stage }
    child.once('exit', (code, signal) => {
      if (this.#living.get(place) !== member) return
      this.#living.delete(place)
      faults.push(`ENDED: member ${name}, by itself with ${code ?? signal}`)
    })
    this.#living.set(place, member)
  }

  /** Ends what it does and leaves the group. */
  async leave(below: (n: number) => number): Promise<void> {
    await this.#end(this.#leaver(below), 'SIGTERM')
  }

  async kill(below: (n: number) => number): Promise<void> {
    await this.#end(this.#leaver(below), 'SIGKILL')
  }

  /** It is stopped for a while, and meanwhile everything else goes on. */
  freeze(below: (n: number) => number, forMs: number): void {
    const { child } = [...this.#living.values()][below(this.#living.size)]!
    child.kill('SIGSTOP')
    this.#thaws.push(wait(forMs).then(() => void child.kill('SIGCONT')))
  }

  async thawed(): Promise<void> {
    await Promise.all(this.#thaws)
  }

  async end(): Promise<void> {
    await Promise.all([...this.#living.values()].map((member) => this.#end(member, 'SIGKILL')))
  }

  #leaver(below: (n: number) => number): Member {
    const living = [...this.#living.values()]
    const old = living.filter(({ stage }) => stage < this.stage)
    const those = old.length > 0 ? old : living
    return those[below(those.length)]!
  }

  async #end({ place, child }: Member, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    this.#living.delete(place)
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill(signal)
    // One that is frozen does not hear of it.
    if (signal === 'SIGTERM') child.kill('SIGCONT')
    const patience = new AbortController()
    const late = wait(LEAVING_MS, 'late', { signal: patience.signal }).catch(() => undefined)
    if ((await Promise.race([exited, late])) === 'late') {
      this.#options.faults.push(`STUCK: member ${this.#options.copying.name}-${place} has not left after ${LEAVING_MS} ms`)
      child.kill('SIGKILL')
      await exited
    }
    patience.abort()
  }

  #hear(line: string, name: string, stage: number): void {
    const [step, transaction, detail, afterMs] = line.split(' ') as [CopyingStep, string, string, string]
    if (step === 'committed') this.copied[stage]! += Number(detail)
    if (step === 'committed' || step === 'aborted') this.transactions[step]++
    if (step !== 'failed') return
    this.refusals[detail] = (this.refusals[detail] ?? 0) + 1
    const { copying, faults } = this.#options
    // Nobody takes a place before the one who had it is gone: the producer can have lost its id only by being late.
    if (late.has(detail) && Number(afterMs) < copying.transactionTimeoutMs) {
      faults.push(`REFUSED: transaction ${transaction} of member ${name} with ${detail}, ${afterMs} ms after it began`)
    }
  }
}
