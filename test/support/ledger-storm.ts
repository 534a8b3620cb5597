import { MoldauError } from '../../core/base/errors.ts'
import type { ReportedPosition } from '../../connectors/types.ts'
import type { LedgerRules } from '../../connectors/hdfs/ledger/rules.ts'
import { Agent, incomplete, violation } from './ledger-agent.ts'
import { seededNumbers } from './seeded-numbers.ts'
import { MemoryFiles, MemoryTree, type Interceptor, type Operation } from './ledger-memory.ts'

export interface StormOptions {
  /** Deletes are answered at once and run at any time later (test 3 of the ledger paper). */
  readonly lateDeletes?: boolean
  readonly rules?: LedgerRules
  readonly writers?: number
}

interface Request {
  readonly writer: number
  readonly operation: Operation
  readonly run: () => unknown
  readonly resolve: (value: never) => void
  readonly reject: (error: Error) => void
}

const END = 12
const STEPS_MAX = 20_000
/** After so many requests the weather turns calm, so that everybody gets to the end. */
const STORMY_REQUESTS = 600
const mutating = new Set<Operation>(['create', 'putIfAbsent', 'rename', 'mkdirs', 'delete'])

const repeatable = new Set<Operation>(['putIfAbsent', 'rename', 'mkdirs', 'delete'])

/**
 * A random walk: some writers on one ledger, each of whose requests may be late, lost before or after it ran, or run twice, and each of which
 * may die at any await and start again. The invariants are looked at after every change of the store. Answers what went wrong.
 */
export async function storm(seed: number, options: StormOptions = {}): Promise<string | undefined> {
  const walk = new Walk(seed, options)
  return await walk.run()
}

class Walk {
  readonly #random: () => number
  readonly #options: StormOptions
  readonly #tree = new MemoryTree()
  readonly #pending: Request[] = []
  /** Requests whose sender no longer waits. */
  readonly #strays: (() => unknown)[] = []
  readonly #lives: number[]
  readonly #done: Set<number> = new Set()
  #requests = 0
  #failure: string | undefined
  #reported: ReportedPosition | undefined

  constructor(seed: number, options: StormOptions) {
    this.#random = seededNumbers(seed)
    this.#options = options
    this.#lives = Array.from({ length: options.writers ?? 3 }, () => 0)
  }

  async run(): Promise<string | undefined> {
    for (let writer = 0; writer < this.#lives.length; writer++) this.#begin(writer)
    for (let step = 0; step < STEPS_MAX && this.#failure === undefined && this.#done.size < this.#lives.length; step++) {
      // Lets every writer run up to its next request.
      await new Promise(setImmediate)
      this.#step()
    }
    await new Promise(setImmediate)
    while (this.#strays.length > 0 && this.#failure === undefined) this.#execute(this.#strays.pop()!)
    if (this.#failure !== undefined) return this.#failure
    if (this.#done.size < this.#lives.length) return `stuck after ${this.#requests} requests`
    return incomplete(this.#tree)
  }

  #begin(writer: number): void {
    const life = ++this.#lives[writer]!
    this.#live(writer, life).catch((error: unknown) => {
      // A writer that died does not end the walk; its promise just never settles.
      if (life === this.#lives[writer]) this.#failure ??= `writer ${writer}: ${String(error)}`
    })
  }

  async #live(writer: number, life: number): Promise<void> {
    const fs = new MemoryFiles(this.#tree, this.#interceptor(writer, life))
    const agent = new Agent(fs, (writer + 1) * 1000 + life, {
      checkpointEvery: 2,
      report: (position) => void (this.#reported = position),
      ...(this.#options.rules === undefined ? {} : { rules: this.#options.rules }),
    })
    for (;;) {
      try {
        await agent.start({}, this.#reported)
        while (agent.position < END) await agent.commit(Math.min(END, agent.position + 1 + Math.floor(this.#random() * 4)))
        this.#done.add(writer)
        return
      } catch (error) {
        const expected = error instanceof MoldauError && (error.code === 'ATTEMPT_DEAD' || error.code === 'STORAGE_FAILED')
        if (!expected) throw error
      }
    }
  }

  #interceptor(writer: number, life: number): Interceptor {
    return <T>(operation: Operation, _path: string, run: () => T) =>
      new Promise<T>((resolve, reject) => {
        // A dead life's requests never leave it.
        if (life === this.#lives[writer]) this.#pending.push({ writer, operation, run, resolve: resolve as (value: never) => void, reject })
      })
  }

  #step(): void {
    if (this.#strays.length > 0 && this.#random() < 0.2) return void this.#execute(this.#take(this.#strays))
    if (this.#pending.length === 0) return
    const request = this.#take(this.#pending)
    const stormy = this.#requests++ < STORMY_REQUESTS
    const weather = stormy ? this.#random() : 1
    if (weather < 0.02) return this.#crash(request)
    if (weather < 0.05) return this.#lose(request)
    // A CREATE is not among them: no network doubles it, and the sink itself writes again under another name.
    if (weather < 0.07 && repeatable.has(request.operation)) this.#strays.push(request.run)
    if (request.operation === 'delete' && this.#options.lateDeletes === true && this.#random() < 0.5) {
      this.#strays.push(request.run)
      return request.resolve(true as never)
    }
    request.resolve(this.#execute(request.run) as never)
  }

  /** The writer hears nothing; the request has run, runs later, or never does. */
  #lose(request: Request): void {
    const fate = this.#random()
    if (fate < 0.4) this.#execute(request.run)
    else if (fate < 0.8 && mutating.has(request.operation)) this.#strays.push(request.run)
    request.reject(new MoldauError('STORAGE_FAILED', `${request.operation}: no answer`, { retriable: true }))
  }

  #crash(request: Request): void {
    const { writer } = request
    if (this.#random() < 0.5 && mutating.has(request.operation)) this.#strays.push(request.run)
    for (let i = this.#pending.length - 1; i >= 0; i--) {
      if (this.#pending[i]!.writer !== writer) continue
      const [orphan] = this.#pending.splice(i, 1)
      if (this.#random() < 0.5 && mutating.has(orphan!.operation)) this.#strays.push(orphan!.run)
    }
    this.#begin(writer)
  }

  #execute(run: () => unknown): unknown {
    const answer = run()
    this.#failure ??= violation(this.#tree)
    return answer
  }

  #take<T>(from: T[]): T {
    return from.splice(Math.floor(this.#random() * from.length), 1)[0]!
  }
}
