import type { Clock } from '../base/clock.ts'
import type { SaslOptions } from '../security/sasl-client.ts'
import { TokenCache } from '../security/token-cache.ts'
import { clientSettings } from './client-options.ts'
import type { ClientOptions, ReadClientOptions } from './client-options.ts'
import { hintFor } from './option-hints.ts'
import { clientSecurity } from './security-options.ts'
import { readOptions } from './settings.ts'

/** With the defaults where nothing is given. @throws MoldauError INVALID_CONFIG */
export function readClientOptions(options: ClientOptions): ReadClientOptions {
  const read = readOptions('connect', options, clientSettings, (spelling) => hintFor('connect()', spelling))
  const security = clientSecurity(options, read)
  return {
    ...read,
    sasl: security.sasl === undefined ? undefined : sharingTokens(security.sasl, read.clock),
    dialer: read.dialer ?? security.dialer,
  }
}

/** All connections of a client log in with one token, as long as it is good. */
function sharingTokens(sasl: SaslOptions, clock: Clock): SaslOptions {
  if (typeof sasl.token !== 'function') return sasl
  const cache = new TokenCache(sasl.token, clock)
  return { ...sasl, token: () => cache.token() }
}
