import { once } from 'node:events'
import { MoldauError } from '../core/base/errors.ts'

/** Prints an error as a person wants it, one line that names the thing and the remedy, and ends the process with 1. */
export function fail(error: unknown): never {
  process.stderr.write(`moldau: ${describe(error)}\n`)
  process.exit(1)
}

/** The text of an error: the message alone for what the world did, the stack for what is our bug. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (process.env['MOLDAU_DEBUG'])
    return `${error.stack ?? error.message}${error.cause === undefined ? '' : `\ncaused by: ${describe(error.cause)}`}`
  return error instanceof MoldauError ? `${error.message} [${error.code}]` : (error.stack ?? error.message)
}

/**
 * Ends the process quietly when the reader of our output has gone, as in `moldau consume flights | head -1`: he has what he wanted.
 * Without this it would be an unhandled error with a stack.
 */
export function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => (error.code === 'EPIPE' ? process.exit() : fail(error)))
}

/** Writes data to standard output, and waits while its reader is slow. */
export async function print(data: string | Buffer): Promise<void> {
  if (!process.stdout.write(data)) await once(process.stdout, 'drain')
}

/** One JSON document on one line: stable for programs. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}

/** Rows as data, one JSON document a line, or as a table for people. */
export function printRows<T>(
  json: boolean,
  rows: readonly T[],
  header: readonly string[],
  cells: (row: T) => readonly (string | number)[],
): void {
  if (json) for (const row of rows) printJson(row)
  else process.stdout.write(`${formatTable(header, rows.map(cells))}\n`)
}

/** A plain table: a header line, then rows; numbers are right-aligned. */
export function formatTable(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = rows.map((row) => row.map((cell) => (typeof cell === 'number' ? formatCount(cell) : cell)))
  const widths = header.map((title, column) => Math.max(title.length, ...cells.map((row) => (row[column] ?? '').length)))
  const right = header.map((_, column) => rows.length > 0 && rows.every((row) => typeof row[column] === 'number'))
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (right[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join('  ')
      .trimEnd()
  return [line(header), ...cells.map(line)].join('\n')
}

/** 1234567 as 1,234,567; fractions keep two digits. */
export function formatCount(n: number): string {
  return n.toLocaleString('en-US', { maximumFractionDigits: 2 })
}

/** Bytes with the unit that leaves one to three digits before the point. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let unit = 0
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`
}
