/**
 * Many partitions, many connections, few descriptors, slow readers: the long versions of test/broker/many.test.ts.
 *
 *   node --conditions=moldau-source test/soak/many.ts [--partitions 10000] [--connections 10000] [--storm 5000] [--readers 500]
 *        [--half-open 10000] [--only NAME]
 *
 */
import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { halfOpen } from '../support/half-open.ts'
import { fewDescriptors, manyConnections, manyPartitions, slowReaders } from '../support/many-scenarios.ts'
import type { Measured } from '../support/many-scenarios.ts'

const { values } = parseArgs({
  options: {
    partitions: { type: 'string', default: '10000' },
    connections: { type: 'string', default: '10000' },
    storm: { type: 'string', default: '5000' },
    readers: { type: 'string', default: '500' },
    'half-open': { type: 'string', default: '10000' },
    only: { type: 'string' },
  },
})
const MIB = 1024 * 1024
// One connection is the test's own.
const connections = Number(values.connections) - 1
const scenarios: Record<string, (dir: string) => Promise<Measured>> = {
  partitions: (dir) => manyPartitions(dir, Number(values.partitions)),
  connections: (dir) => manyConnections(dir, connections, 60_000),
  descriptors: (dir) => fewDescriptors(dir, 256, 2000, Number(values.storm)),
  'half-open': vanishing,
  'slow readers': (dir) => slowReaders(dir, Number(values.readers), 20, 256 * MIB),
  'slow readers of large batches': (dir) => slowReaders(dir, Number(values.readers), 20, 256 * MIB, 1_000_000),
}
const HALF_OPEN = { members: 20, idleMs: 30_000, sessionMs: 10_000 }
/** How far what happens may be from when it is due, in milliseconds. */
const TOLERANCE_MS = 2000

/** Peers that vanish without a word: gone when they are due, and not before. */
async function vanishing(dir: string): Promise<Measured> {
  const stops: (() => unknown)[] = []
  try {
    const measured = await halfOpen({
      ...HALF_OPEN,
      t: { teardown: (stop) => void stops.push(stop) },
      dir,
      connections: Number(values['half-open']),
    })
    if (typeof measured === 'string') throw new Error(`skipped: ${measured}`)
    const { firstGoneMs, lastGoneMs, closedMs } = measured
    const { sessionMs, idleMs } = HALF_OPEN
    const beatMs = sessionMs / 5
    const onTime = firstGoneMs! >= sessionMs - beatMs - TOLERANCE_MS && lastGoneMs! <= sessionMs + TOLERANCE_MS
    if (!onTime) throw new Error(`sessions of ${sessionMs} ms ended after ${firstGoneMs} to ${lastGoneMs} ms`)
    // Looked at four times in that time.
    if (closedMs! > idleMs * 1.25 + 1000 + TOLERANCE_MS) throw new Error(`idle connections were closed after ${closedMs} ms`)
    return measured
  } finally {
    for (const stop of stops.toReversed()) await stop()
  }
}
const chosen = Object.entries(scenarios).filter(([name]) => values.only === undefined || name === values.only)
console.log(`limit of open files: ${execFileSync('bash', ['-c', 'ulimit -n']).toString().trim()}`)
let failed = 0
for (const [name, run] of chosen) {
  const dir = await mkdtemp(join(tmpdir(), 'moldau-many-'))
  try {
    console.log(name, await run(dir))
  } catch (error) {
    failed++
    console.log(`${name}: ${(error as Error).message}`)
  } finally {
    await rm(dir, { recursive: true })
  }
}
console.log(`${chosen.length - failed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
