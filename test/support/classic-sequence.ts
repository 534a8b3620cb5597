import type { ClassicSide } from './classic-differential.ts'
import { seededNumbers } from './seeded-numbers.ts'

interface ClassicStep {
  text: string
  label: string
  /** Asks for what may be waited for. */
  repeats: boolean
  run(side: ClassicSide, step: number, group: string): Promise<void>
}

/** Random requests of members of a classic group. */
export function classicSequence(seed: number): ClassicStep[] {
  const random = seededNumbers(seed)
  const below = (n: number): number => Math.floor(random() * n)
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!
  const steps: ClassicStep[] = []
  for (let i = 0; i < 24; i++) {
    const label = pick(['a', 'b', 's'])
    const instanceId = label === 's' ? 'i' : null
    const kind = pick(['join', 'join', 'join', 'sync', 'sync', 'heartbeat', 'leave', 'commit', 'delete'] as const)
    const options = {
      instanceId,
      fresh: below(3) === 0,
      metadata: pick(['m', 'm', 'm', 'other']),
      type: below(12) === 0 ? 'connect' : 'consumer',
      protocol: pick(['p', 'p', 'p', 'p', 'p', 'p', 'p', 'q']),
      version: label === 's' ? pick([5, 8, 9]) : pick([3, 5, 9, 9]),
      shift: pick([0, 0, 0, 0, -1, 1]),
      anybody: below(4) === 0,
      byInstance: below(2) === 0,
    }
    const make = (side: ClassicSide, group: string) => {
      if (kind === 'join') return side.join(label, group, options)
      if (kind === 'sync') return side.sync(label, group, { ...options, protocol: pick2(options, seed + i) })
      if (kind === 'heartbeat') return side.heartbeat(label, group, options)
      if (kind === 'leave') return side.leave(label, group, options)
      return kind === 'commit' ? side.commit(label, group, options) : side.remove(group)
    }
    const text = `${label} ${kind} ${JSON.stringify(options)}`
    const repeats = kind === 'join' || kind === 'sync'
    steps.push({ text, label, repeats, run: (side, step, group) => side.run(step, kind === 'delete' ? 'admin' : label, make(side, group)) })
  }
  return steps
}

/** The protocol that a sync names: the right one mostly, another one, or none in an old version. */
function pick2(options: { protocol: string }, number: number): string | null {
  return number % 7 === 0 ? null : number % 7 === 1 ? 'q' : options.protocol === 'q' ? 'p' : options.protocol
}
