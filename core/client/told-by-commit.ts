import { MoldauError } from '../base/errors.ts'

/**
 * What was sent within a transaction. Whoever does not wait for it hears of its failure by commit(), so that it is no unhandled rejection, which
 * would end the process. What the transaction commits without is left as it is: nobody else would tell of it.
 */
export function toldByCommit<T>(sent: Promise<T>): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  sent.then(resolve, (error: unknown) => {
    if (!(error instanceof MoldauError && error.code === 'INVALID_ARGUMENT')) promise.catch(() => {})
    reject(error)
  })
  return promise
}
