import { silentLogger } from '../base/logger.ts'
import type { Logger } from '../base/logger.ts'

const STDERR = 2
let logger: Promise<Logger> | undefined

/**
 * Where a client tells what goes wrong when the program gives no logger: pino, as lines of JSON on standard error, from `warn` up.
 * MOLDAU_LOG_LEVEL asks for more (`info`, `debug`) or for nothing (`silent`).
 */
export function defaultLogger(): Promise<Logger> {
  logger ??= make(process.env['MOLDAU_LOG_LEVEL'] ?? 'warn')
  return logger
}

async function make(level: string): Promise<Logger> {
  if (level === 'silent') return silentLogger
  const { pino } = await import('pino')
  // Synchronous: what a program says before it dies is what matters most.
  const pinoLogger: Logger = pino({ name: 'moldau', level }, pino.destination({ dest: STDERR, sync: true }))
  return pinoLogger
}
