import { MoldauError } from '../base/errors.ts'

/** Nobody answered. */
export function refused(host: string, port: number, cause: Error): MoldauError {
  const message = `cannot connect to ${host}:${port} (${cause.message}): is a broker running there?`
  return new MoldauError('CONNECTION_REFUSED', message, { cause, retriable: true })
}
