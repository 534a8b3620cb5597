/**
 * What a client is to do, and what it says when it has done it. Each client is a process of its own: a program of `programs/` that gets a
 * task as JSON and prints a result as JSON.
 */
export interface Task {
  readonly job: 'produce' | 'consume' | 'latency'
  /** In which of a client's ways, where it has several. */
  readonly way: string
  readonly bootstrap: string
  readonly topic: string
  /** To be written, or what the topic holds. */
  readonly records: number
  readonly valueBytes: number
  /** Whoever batches by itself is told so. */
  readonly batchBytes: number
  readonly lingerMs: number
  /** Whoever takes arrays of records gets as many at once: batches of `batchBytes` in all partitions. */
  readonly recordsPerSend: number
  readonly groupId: string
  readonly commitEveryMs: number
}

export interface Result {
  /** Acknowledged, or looked at. */
  readonly records: number
  /** What {@link Tally} made of the records; of those that were consumed. */
  readonly sum: number
  /** From the first record on. */
  readonly cpu: number
  readonly seconds: number
  /** Of single sends, in milliseconds. */
  readonly p50?: number
  readonly p99?: number
}

const KEYS = 10_000
const VALUES = 1000

/** Records that are made before: what is measured is the client. */
export class Samples {
  readonly keys: readonly Buffer[]
  readonly values: readonly Buffer[]

  constructor(valueBytes: number) {
    this.keys = Array.from({ length: KEYS }, (_, i) => Buffer.from(`key-${String(i).padStart(5, '0')}`))
    this.values = Array.from({ length: VALUES }, (_, i) => {
      const text = `{"id":${Math.imul(i + 1, 0x9e3779b1) >>> 0},"at":${i},"remark":"`
      return Buffer.from(text.padEnd(valueBytes, (i * 2_654_435_761).toString(36)))
    })
  }

  key(i: number): Buffer {
    return this.keys[i % KEYS]!
  }

  value(i: number): Buffer {
    return this.values[i % VALUES]!
  }
}

/** Looks at every record: how long its value is, where it begins and ends, and how its key ends. */
export class Tally {
  records: number
  sum: number

  constructor() {
    this.records = 0
    this.sum = 0
  }

  see(key: Uint8Array | null, value: Uint8Array | null): void {
    this.seeParts(key![key!.length - 1]!, value!.length, value![0]!, value![value!.length - 1]!)
  }

  seeParts(keyEnd: number, valueLength: number, valueBegin: number, valueEnd: number): void {
    this.records++
    this.sum += keyEnd + valueLength + valueBegin + valueEnd
  }
}

/** What the {@link Tally} of so many records comes to. */
export function expectedSum(records: number, valueBytes: number): number {
  const samples = new Samples(valueBytes)
  const tally = new Tally()
  for (let i = 0; i < records; i++) tally.see(samples.key(i), samples.value(i))
  return tally.sum
}
