import { MoldauError } from '../base/errors.ts'
import { plainAddress } from '../base/ip-address.ts'

/**
 * Reads `max.connections.per.ip.overrides`: `10.0.0.1:100,127.0.0.1:1000`
 *
 * @throws MoldauError INVALID_CONFIG naming the part that is wrong
 */
export function ipOverrides(text: string): Map<string, number> {
  const overrides = new Map<string, number>()
  for (const part of text.split(',').map((each) => each.trim())) {
    if (part === '') continue
    const colon = part.lastIndexOf(':')
    const count = Number(part.slice(colon + 1))
    if (colon <= 0 || !Number.isSafeInteger(count) || count < 0) {
      throw new MoldauError('INVALID_CONFIG', `max.connections.per.ip.overrides: '${part}' is not of the form address:number`)
    }
    overrides.set(plainAddress(part.slice(0, colon)), count)
  }
  return overrides
}
