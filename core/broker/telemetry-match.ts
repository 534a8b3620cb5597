import { kafkaError } from '../protocol/errors.ts'

/** What of a client a subscription can look at (KIP-714). */
export const matchNames = [
  'client_instance_id',
  'client_id',
  'client_software_name',
  'client_software_version',
  'client_source_address',
  'client_source_port',
] as const
export type MatchName = (typeof matchNames)[number]

/**
 * A selector with its pattern, as in `client_id=billing-.*`; the whole value has to match.
 * @throws KafkaError INVALID_CONFIG
 */
export function parseMatch(text: string): { name: MatchName; pattern: RegExp } {
  const at = text.indexOf('=')
  const name = text.slice(0, Math.max(at, 0)).trim() as MatchName
  if (at < 0 || !matchNames.includes(name)) throw kafkaError('INVALID_CONFIG', `Illegal client matching pattern: ${text}`)
  try {
    return { name, pattern: new RegExp(`^(?:${text.slice(at + 1).trim()})$`, 'u') }
  } catch {
    throw kafkaError('INVALID_CONFIG', `Illegal client matching pattern: ${text}`)
  }
}
