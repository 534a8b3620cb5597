import type { Bench, Group } from './broker/group.ts'
import { fetchAtTail, fetchCold, fetchRecent } from './broker/fetch-rows.ts'
import { memory } from './broker/memory-row.ts'
import { batches16k, batches1m, compressed, oneMessage, pingPong, pipelined, producers1000, synced } from './broker/produce-rows.ts'
import { readyRows } from './broker/ready.ts'
import { type Contender, type Settings, kafka, moldau } from './broker/servers.ts'
import { start10g, startEmpty } from './broker/start-rows.ts'
import type { BenchOptions } from './arguments.ts'
import type { BenchRow } from './row.ts'

/**
 * The broker as a process of its own, and a real Kafka beside it where java and its jars can be had: the same bytes over the same
 * sockets, in turn, and the CPU-seconds of the broker's process only. docs/benchmarks.md says what each row is.
 */
const groups: Readonly<Record<string, Group>> = {
  one: oneMessage,
  pingpong: pingPong,
  pipelined,
  '16k': batches16k,
  '1m': batches1m,
  compressed,
  producers: producers1000,
  fsync: synced,
  tail: fetchAtTail,
  fetch: fetchRecent,
  cold: fetchCold,
  memory,
  start: startEmpty,
  'start-10g': start10g,
  ready: () => readyRows(),
}

/** For `--rows`. */
export const rowNames: readonly string[] = Object.keys(groups)

export async function* rows({ rows: names, rounds }: BenchOptions): AsyncGenerator<BenchRow, void> {
  const unknown = names.find((name) => !(name in groups))
  if (unknown !== undefined) {
    console.error(`bench: there is no row '${unknown}'; choose of ${rowNames.join(', ')}`)
    process.exit(2)
  }
  const brokers = new Brokers(rounds)
  try {
    for (const [name, group] of Object.entries(groups)) {
      if (names.length > 0 && !names.includes(name)) continue
      try {
        yield* await group(brokers)
      } catch (error) {
        // What has been measured is worth showing.
        process.exitCode = 1
        console.error(`bench: row '${name}' failed`, error)
      }
    }
  } finally {
    await brokers.end()
  }
}

class Brokers implements Bench {
  readonly rounds: number
  #pair: Contender[] | undefined

  constructor(rounds: number) {
    this.rounds = rounds
    this.#pair = undefined
  }

  async pair(): Promise<readonly Contender[]> {
    if (this.#pair !== undefined) return this.#pair
    this.#pair = [await this.moldau({ durability: 'page-cache' })]
    const peer = await this.kafka({})
    if (peer !== undefined) this.#pair.push(peer)
    for (const server of this.#pair) await server.start()
    return this.#pair
  }

  moldau(settings: Settings): Promise<Contender> {
    return moldau(settings)
  }

  async kafka(settings: Settings): Promise<Contender | undefined> {
    if (process.env['MOLDAU_BENCH_ALONE'] !== undefined) return undefined
    try {
      return await kafka(settings)
    } catch (error) {
      console.error(`no Kafka to compare with: ${error instanceof Error ? error.message : String(error)}`)
      return undefined
    }
  }

  async end(): Promise<void> {
    for (const server of this.#pair ?? []) await server.remove()
  }
}
