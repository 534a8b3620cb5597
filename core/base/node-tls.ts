import type * as Tls from 'node:tls'

/** Node's TLS, loaded when the first connection or setting asks for it: a sixth of what a broker without it takes to start. */
export function nodeTls(): typeof Tls {
  return process.getBuiltinModule('node:tls')
}
