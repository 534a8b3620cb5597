import { type Clock, systemClock } from '../../core/base/clock.ts'
import { MoldauError } from '../../core/base/errors.ts'
import { type RandomBytes, systemRandom } from '../../core/base/uuid.ts'
import { type Duration, milliseconds } from '../duration.ts'

/** How a topology runs. */
export interface TopologyOptions {
  /** Whether tuples with an id are tracked: at least once. `false`: a spout hears at once that all is well; at most once. Default true. */
  acking?: boolean
  /** How long a tuple and all that is made of it may take, until it fails; default '30s'. Storm's `topology.message.timeout.secs`. */
  messageTimeout?: Duration
  /** How many tuples of a spout task may be neither acked nor failed; default 10,000. Storm's `topology.max.spout.pending`. */
  maxSpoutPending?: number
  /** How many tuples wait before an executor until those in front of it stop; default 4,096. Storm's `topology.executor.receive.buffer.size`. */
  queueMax?: number
  /** How long a spout that had nothing is left alone; default '1ms'. */
  spoutWait?: Duration
  /** Default: the machine's. */
  clock?: Clock
  random?: RandomBytes
}

/** The options with every default filled in. */
export interface TopologySettings {
  readonly acking: boolean
  readonly timeoutMs: number
  readonly pendingMax: number
  readonly queueMax: number
  readonly spoutWaitMs: number
  readonly clock: Clock
  readonly random: RandomBytes
}

const names = ['acking', 'messageTimeout', 'maxSpoutPending', 'queueMax', 'spoutWait', 'clock', 'random']

/** @throws INVALID_CONFIG naming the option and what it takes */
export function readTopologyOptions(options: TopologyOptions): TopologySettings {
  const unknown = Object.keys(options).find((name) => !names.includes(name))
  if (unknown !== undefined) throw wrong(unknown, `does not exist; there are: ${names.join(', ')}`)
  const { acking = true, messageTimeout = '30s', spoutWait = 1, maxSpoutPending = 10_000, queueMax = 4096 } = options
  if (typeof acking !== 'boolean') throw wrong('acking', `is true or false, not '${String(acking)}'`)
  return {
    acking,
    timeoutMs: milliseconds(messageTimeout, 'messageTimeout'),
    pendingMax: atLeastOne('maxSpoutPending', maxSpoutPending),
    queueMax: atLeastOne('queueMax', queueMax),
    spoutWaitMs: milliseconds(spoutWait, 'spoutWait'),
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
  }
}

function atLeastOne(name: string, value: number): number {
  if (Number.isInteger(value) && value >= 1) return value
  throw wrong(name, `must be a whole number of at least 1, not ${String(value)}`)
}

function wrong(name: string, what: string): MoldauError {
  return new MoldauError('INVALID_CONFIG', `topology: option '${name}' ${what}`)
}
