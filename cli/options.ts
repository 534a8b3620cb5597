import { Option } from 'commander'
import { MoldauError } from '../core/base/errors.ts'

/** `--bootstrap`, on every command that talks to a cluster. */
export const bootstrapOption = () =>
  new Option('-b, --bootstrap <host:port,...>', 'the broker to talk to').default('127.0.0.1:9092').env('MOLDAU_BOOTSTRAP')

/** `--json`, where the output is data. */
export const jsonOption = () => new Option('--json', 'print JSON, one document a line')

/** A whole number from `min` to `max`, for commander's argument parsing. */
export function wholeNumber(name: string, min: number, max: number = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (text.trim() !== '' && Number.isSafeInteger(value) && value >= min && value <= max) return value
    const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
    throw new MoldauError('INVALID_ARGUMENT', `${name} must be a whole number ${range}, not '${text}'`)
  }
}

/** A TCP port; 0 takes a free one. */
export const portNumber = wholeNumber('--port', 0, 65_535)

/** `--control`: `9644`, `127.0.0.1:9644` or `[::1]:9644`. */
export function controlAddress(text: string): { host: string; port: number } {
  const [, host, port] = /^(?:(.*):)?([^:]*)$/.exec(text)!
  return { host: host || '127.0.0.1', port: wholeNumber('the port of --control', 0, 65_535)(port!) }
}

/** `name=value` settings that may be repeated. */
export function collectSetting(text: string, sofar: Record<string, string>): Record<string, string> {
  const at = text.indexOf('=')
  if (at <= 0) throw new MoldauError('INVALID_ARGUMENT', `'${text}' is not of the form name=value, for example retention.ms=86400000`)
  return { ...sofar, [text.slice(0, at)]: text.slice(at + 1) }
}
