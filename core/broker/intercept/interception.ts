import { MoldauError } from '../../base/errors.ts'
import { seededNumbers } from '../../base/seeded-numbers.ts'
import type { Message } from '../../protocol/schema.ts'
import { includes, parseVersions, type Versions, type VersionsText } from '../../protocol/versions.ts'
import type { InterceptedCall, Interceptor } from './intercepted-call.ts'

/** Which calls are intercepted: all that every one of these lets through. */
export interface InterceptOptions<Req extends Message = Message, Res extends Message = Message> {
  /** Only the first so many; afterwards the interception is gone. Default: all, until it is removed. */
  times?: number
  /** Only of this client (`client.id`). */
  clientId?: string
  /** Only calls that name this topic, by name or by id. A call that names others as well is intercepted as a whole. */
  topic?: string
  /** Only these versions of the call, written as Kafka writes them: `'3'`, `'0-8'`, `'9+'`. */
  versions?: VersionsText
  /** Only so often, from 0 to 1; with the same {@link InterceptOptions.seed} the same calls. Default 1. */
  probability?: number
  /** Where the random numbers begin; default 1. */
  seed?: number
  /** Only what this says yes to; asked last. */
  where?: (call: InterceptedCall<Req, Res>) => boolean
}

const known: ReadonlySet<string> = new Set(['times', 'clientId', 'topic', 'versions', 'probability', 'seed', 'where'])

/** An interceptor that is installed; `remove()`, or the end of a `using` block, takes it out. What it has under way goes on. */
export class Interception implements Disposable {
  readonly interceptor: Interceptor<Message, Message>
  readonly #options: InterceptOptions
  readonly #versions: Versions | undefined
  readonly #random: () => number
  readonly #onRemove: (interception: Interception) => void
  #hits: number
  #active: boolean

  /** Made by `broker.intercept(...)`. @throws MoldauError INVALID_ARGUMENT naming the option */
  constructor(interceptor: Interceptor<Message, Message>, options: InterceptOptions, onRemove: (interception: Interception) => void) {
    check(options)
    this.interceptor = interceptor
    this.#options = options
    this.#versions = options.versions === undefined ? undefined : versionsOf(options.versions)
    this.#random = seededNumbers(options.seed ?? 1)
    this.#onRemove = onRemove
    this.#hits = 0
    this.#active = true
  }

  /** How many calls it has intercepted. */
  get hits(): number {
    return this.#hits
  }

  /** False when it was removed, or has done what `times` says. */
  get active(): boolean {
    return this.#active
  }

  remove(): void {
    if (!this.#active) return
    this.#active = false
    this.#onRemove(this)
  }

  [Symbol.dispose](): void {
    this.remove()
  }

  /** Whether the call is one of its own; it counts as a hit then. */
  takes(call: InterceptedCall<Message, Message>): boolean {
    if (!this.#active || !this.#matches(call)) return false
    this.#hits++
    if (this.#hits === this.#options.times) this.remove()
    return true
  }

  #matches(call: InterceptedCall<Message, Message>): boolean {
    const { clientId, topic, probability, where } = this.#options
    if (clientId !== undefined && clientId !== call.clientId) return false
    if (this.#versions !== undefined && !includes(this.#versions, call.version)) return false
    if (topic !== undefined && !call.topics.has(topic)) return false
    if (where !== undefined && !where(call)) return false
    return probability === undefined || this.#random() < probability
  }
}

function check(options: InterceptOptions): void {
  for (const name of Object.keys(options)) {
    if (!known.has(name)) throw wrong(name, `is no option: there are ${[...known].join(', ')}`)
  }
  const { times, probability, seed } = options
  if (times !== undefined && (!Number.isSafeInteger(times) || times < 1))
    throw wrong('times', `must be a whole number of at least 1, not ${times}`)
  if (probability !== undefined && !(probability >= 0 && probability <= 1))
    throw wrong('probability', `must be from 0 to 1, not ${probability}`)
  if (seed !== undefined && !Number.isSafeInteger(seed)) throw wrong('seed', `must be a whole number, not ${seed}`)
}

function versionsOf(text: VersionsText): Versions {
  try {
    return parseVersions(text)
  } catch {
    throw wrong('versions', `must be written as '3', '0-8' or '9+', not '${text}'`)
  }
}

function wrong(name: string, problem: string): MoldauError {
  return new MoldauError('INVALID_ARGUMENT', `intercept: ${name} ${problem}`)
}
