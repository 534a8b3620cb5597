import { tap as rxTap } from 'rxjs'
import { type OperatorOptions, type SafeOperator, safe } from './safe.ts'

/**
 * Looks at each record without changing it. A side effect here runs again when an epoch is run again: it is not exactly once.
 *
 * @param look throwing fails the epoch with OPERATOR_FAILED naming the record
 */
export function tap<T>(look: (item: T) => void, options: OperatorOptions = {}): SafeOperator<T, T> {
  return safe(
    { kind: 'tap', apply: look, onError: options.onError },
    rxTap((item: T) => look(item)),
  )
}
