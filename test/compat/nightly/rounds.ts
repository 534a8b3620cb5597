import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { Teardown } from '../../support/program.ts'
import { Tally } from '../../soak/tally.ts'
import { seededNumbers } from '../../support/seeded-numbers.ts'

export interface Round {
  readonly t: Teardown
  readonly dir: string
  readonly random: () => number
}

/**
 * Runs a scenario many times, each in a folder of its own that stays when something is wrong, and ends the process: with 0 when every round was
 * exact. A round's seed is printed, and `seed + round` is had again with `--seed`.
 */
export async function runRounds(
  name: string,
  rounds: number,
  seed: number,
  scenario: (round: Round) => Promise<readonly string[]>,
): Promise<never> {
  const tally = new Tally()
  for (let i = 0; i < rounds; i++) {
    const dir = await mkdtemp(join(tmpdir(), 'moldau-nightly-'))
    const ends: (() => unknown)[] = []
    const started = performance.now()
    const faults = await scenario({ t: { teardown: (end) => void ends.push(end) }, dir, random: seededNumbers(seed + i) }).catch(
      (error: unknown) => [error instanceof Error ? (error.stack ?? error.message) : String(error)],
    )
    for (const end of ends.toReversed()) await end()
    const seconds = ((performance.now() - started) / 1000).toFixed(0)
    console.log(`${name}, seed ${seed + i}: ${faults.length === 0 ? 'exact' : 'WRONG'} in ${seconds} s`)
    await tally.note(faults, dir)
  }
  return tally.end()
}

/** Several of these at random. */
export function someOf<T>(all: readonly T[], count: number, random: () => number): T[] {
  return Array.from({ length: count }, () => all[Math.floor(random() * all.length)]!)
}
