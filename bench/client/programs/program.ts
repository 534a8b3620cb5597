import { type Result, type Task, Tally } from '../task.ts'

/** What a program is asked to do. */
export const task = JSON.parse(process.argv[2]!) as Task

let cpuBefore: NodeJS.CpuUsage
let begun: number

/** The client is connected, the first record is about to go or has just come: what counts begins now. */
export function begin(): void {
  cpuBefore = process.cpuUsage()
  begun = performance.now()
}

/** Says the result and ends the process: how a client says goodbye is not measured. */
export function end(result: { records: number; sum?: number; p50?: number; p99?: number }): void {
  const seconds = (performance.now() - begun) / 1000
  const { user, system } = process.cpuUsage(cpuBefore)
  const said: Result = { sum: 0, ...result, cpu: (user + system) / 1e6, seconds }
  process.stdout.write(`${JSON.stringify(said)}\n`, () => process.exit())
}

/** Looks at records until all have come. */
export class Reader {
  readonly #tally: Tally

  constructor() {
    this.#tally = new Tally()
  }

  get done(): boolean {
    return this.#tally.records >= task.records
  }

  see(key: Uint8Array | null, value: Uint8Array | null): void {
    if (this.#tally.records === 0) begin()
    this.#tally.see(key, value)
  }

  seeParts(keyEnd: number, valueLength: number, valueBegin: number, valueEnd: number): void {
    if (this.#tally.records === 0) begin()
    this.#tally.seeParts(keyEnd, valueLength, valueBegin, valueEnd)
  }

  end(): void {
    end(this.#tally)
  }
}

/** Records one after the other, each when the one before is acknowledged: how long each takes. */
export async function oneByOne(send: (i: number) => Promise<unknown>): Promise<void> {
  const warmUp = Math.floor(task.records / 4)
  const times: number[] = []
  begin()
  for (let i = 0; i < task.records; i++) {
    const started = performance.now()
    await send(i)
    if (i >= warmUp) times.push(performance.now() - started)
  }
  times.sort((a, b) => a - b)
  const at = (part: number): number => times[Math.floor(times.length * part)]!
  end({ records: task.records, p50: at(0.5), p99: at(0.99) })
}

/** All records in arrays of `recordsPerSend`, so many arrays under way at once; each has to be acknowledged. */
export async function inArrays(underWayMax: number, send: (first: number, count: number) => Promise<unknown>): Promise<void> {
  begin()
  let next = 0
  let acknowledged = 0
  const worker = async (): Promise<void> => {
    while (next < task.records) {
      const first = next
      const count = Math.min(task.recordsPerSend, task.records - first)
      next += count
      await send(first, count)
      acknowledged += count
    }
  }
  await Promise.all(Array.from({ length: underWayMax }, worker))
  end({ records: acknowledged })
}
