/** What a broker or a client says while it runs. pino fits as it is; so does any object with these four methods. */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** Says nothing: the default of everything that is embedded in somebody's program. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} }
