import { MoldauError } from '../../core/base/errors.ts'
import { isOnError, mayDeadLetter, type ErrorAction, type FailedRecord, type OnError } from './on-error.ts'

export interface PolicyOptions {
  readonly pipeline: string
  readonly application: string
  /** For operators that have no handler of their own. */
  readonly onError: OnError
  /** By the labels of operators. */
  readonly handlers: ReadonlyMap<string, OnError>
  /** Full name of the topic. */
  readonly deadLetters: string
  /** Records of one epoch that may fail and be passed over. */
  readonly poisonMax: number
  readonly codeVersion: string | undefined
}

/** What one pipeline does with records that fail. */
export class ErrorPolicy {
  readonly pipeline: string
  readonly application: string
  readonly deadLetters: string
  readonly poisonMax: number
  readonly codeVersion: string | undefined
  /** Some record may be passed over; else nothing has to be remembered of those that are fed. */
  readonly active: boolean
  readonly writes: boolean
  readonly #onError: OnError
  readonly #handlers: ReadonlyMap<string, OnError>

  constructor({ pipeline, application, onError, handlers, deadLetters, poisonMax, codeVersion }: PolicyOptions) {
    this.pipeline = pipeline
    this.application = application
    this.deadLetters = deadLetters
    this.poisonMax = poisonMax
    this.codeVersion = codeVersion
    this.#onError = onError
    this.#handlers = handlers
    const all = [onError, ...handlers.values()]
    this.active = all.some((each) => each !== 'fail')
    this.writes = all.some(mayDeadLetter)
  }

  /** @throws INVALID_ARGUMENT when a function of the user gives none of the three; what it throws itself */
  decide(error: unknown, operator: string, record: () => FailedRecord): ErrorAction {
    const onError = this.#handlers.get(operator) ?? this.#onError
    if (typeof onError !== 'function') return onError
    const action: unknown = onError(error, record())
    if (isOnError(action) && typeof action !== 'function') return action
    throw new MoldauError(
      'INVALID_ARGUMENT',
      `pipeline "${this.pipeline}", ${operator}: onError gave ${String(action)}; it gives 'fail', 'skip' or 'dead-letter'`,
    )
  }
}

/** Everything fails, as when nothing was said. */
export function failing(pipeline: string): ErrorPolicy {
  const handlers = new Map<string, OnError>()
  return new ErrorPolicy({
    pipeline,
    application: '',
    onError: 'fail',
    handlers,
    deadLetters: '',
    poisonMax: 0,
    codeVersion: undefined,
  })
}
