import { hostname } from 'node:os'

import { MoldauError } from '../base/errors.ts'
import type { BrokerConfig } from './broker-config.ts'
import type { BrokerOptions } from './broker-options.ts'
import { isSecurityProtocol, listenerSetting } from './security-config.ts'
import type { SecurityProtocol } from './security-config.ts'

/** Where clients reach a broker. */
export interface Endpoint {
  readonly host: string
  readonly port: number
}

/** A listener as it is asked for. */
export interface ListenerSpec {
  /** `PLAINTEXT`, `INTERNAL` */
  readonly name: string
  readonly protocol: SecurityProtocol
  readonly host: string
  readonly port: number
  /** What clients are told, where it is not the address listened on. */
  readonly advertised: Endpoint | undefined
}

/** Where a broker listens when nobody says otherwise. */
export const LOCAL_HOST = '127.0.0.1'

const ALL_ADDRESSES = '0.0.0.0'

/**
 * The listeners of a broker: those of the setting `listeners`, or one that speaks in plain text at `host` and `port` of the options.
 *
 * @throws MoldauError INVALID_CONFIG
 */
export function listenerSpecs(options: BrokerOptions, config: BrokerConfig): ListenerSpec[] {
  const listed = config.get('listeners').join(',')
  if (listed !== '' && (options.port !== undefined || options.host !== undefined)) {
    throw new MoldauError('INVALID_CONFIG', 'give either port and host, or the setting listeners, not both')
  }
  const { port = 0, host = LOCAL_HOST } = options
  const listen = listed === '' ? (port === null ? [] : [{ name: 'PLAINTEXT', host, port }]) : parseListeners('listeners', listed)
  const told = new Map(
    parseListeners('advertised.listeners', config.get('advertised.listeners').join(',')).map((each) => [each.name, each]),
  )
  const protocols = protocolMap(config.get('listener.security.protocol.map'))
  const specs = listen.map((each) => ({
    name: each.name,
    host: each.host === '' ? ALL_ADDRESSES : each.host,
    port: each.port,
    protocol: protocolOf(each.name, protocols),
    advertised: advertised(told.get(each.name)),
  }))
  const names = specs.map(({ name }) => name)
  for (const name of told.keys()) if (!names.includes(name)) throw unknown('advertised.listeners', name, names)
  const between = config.get('inter.broker.listener.name')
  if (between !== '' && !names.includes(between)) throw unknown('inter.broker.listener.name', between, names)
  for (const given of config.given.keys()) {
    const name = listenerSetting(given)?.listener
    if (name !== undefined && !names.some((each) => each.toLowerCase() === name)) throw unknown(given, name, names)
  }
  return specs
}

/** What clients of a listener are told: an address that stands for all of this machine's is of no use to them, they get its name. */
export function endpointOf(spec: ListenerSpec, port: number): Endpoint {
  if (spec.advertised !== undefined) return spec.advertised
  return { host: spec.host === ALL_ADDRESSES || spec.host === '::' ? hostname() : spec.host, port }
}

interface Parsed {
  readonly name: string
  readonly host: string
  readonly port: number
}

const LISTENER = /^([A-Za-z0-9_.-]+):\/\/(?:\[([0-9a-fA-F:.%]+)\]|([^[\]:/]*)):(\d{1,5})$/

function parseListeners(setting: string, text: string): Parsed[] {
  const parts = text.split(',').map((part) => part.trim())
  const found = parts
    .filter((part) => part !== '')
    .map((part) => {
      const match = LISTENER.exec(part)
      const port = Number(match?.[4])
      if (match === null || port > 65_535) {
        throw new MoldauError(
          'INVALID_CONFIG',
          `${setting}: '${part}' is no listener: write NAME://host:port, for example SASL_SSL://0.0.0.0:9093`,
        )
      }
      return { name: match[1]!.toUpperCase(), host: match[2] ?? match[3]!, port }
    })
  const twice = found.find(({ name }, i) => found.findIndex((other) => other.name === name) !== i)
  if (twice !== undefined)
    throw new MoldauError('INVALID_CONFIG', `${setting}: the listener ${twice.name} is there twice: give each a name of its own`)
  return found
}

function advertised(parsed: Parsed | undefined): Endpoint | undefined {
  if (parsed === undefined) return undefined
  if (parsed.host === '' || parsed.host === ALL_ADDRESSES || parsed.host === '::') {
    throw new MoldauError('INVALID_CONFIG', `advertised.listeners: ${parsed.name} needs a host that clients can connect to`)
  }
  return { host: parsed.host, port: parsed.port }
}

function protocolMap(text: string): Map<string, SecurityProtocol> {
  const map = new Map<string, SecurityProtocol>()
  for (const part of text.split(',').map((each) => each.trim())) {
    if (part === '') continue
    const [name, protocol, more] = part.split(':').map((each) => each.trim().toUpperCase())
    if (name === '' || protocol === undefined || more !== undefined || !isSecurityProtocol(protocol)) {
      throw new MoldauError(
        'INVALID_CONFIG',
        `listener.security.protocol.map: '${part}' is not of the form NAME:PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL`,
      )
    }
    map.set(name!, protocol)
  }
  return map
}

function protocolOf(name: string, protocols: ReadonlyMap<string, SecurityProtocol>): SecurityProtocol {
  const protocol = protocols.get(name) ?? (isSecurityProtocol(name) ? name : undefined)
  if (protocol !== undefined) return protocol
  throw new MoldauError(
    'INVALID_CONFIG',
    `listeners: what is spoken at ${name}? Add ${name}:SASL_SSL, or another protocol, to listener.security.protocol.map`,
  )
}

function unknown(setting: string, name: string, names: readonly string[]): MoldauError {
  return new MoldauError('INVALID_CONFIG', `${setting}: there is no listener ${name}; listeners are ${names.join(', ') || 'none'}`)
}
