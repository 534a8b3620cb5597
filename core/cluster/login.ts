import { MoldauError } from '../base/errors.ts'
import type { Channel } from '../net/channel.ts'
import type { Api } from '../protocol/api.ts'
import { errorName } from '../protocol/errors.ts'
import { SaslAuthenticate } from '../protocol/messages/sasl-authenticate.ts'
import { SaslHandshake } from '../protocol/messages/sasl-handshake.ts'
import { saslClient } from '../security/sasl-client.ts'
import type { SaslOptions } from '../security/sasl-client.ts'

/** A broker that goes on asking would keep us for ever; no mechanism has more steps. */
const STEPS_MAX = 5

/**
 * Logs in on a connection on which nothing else is under way.
 *
 * @returns how many milliseconds the log-in is good for; 0 for as long as the connection lives
 * @throws MoldauError AUTHENTICATION_FAILED, INVALID_CONFIG
 */
export async function login(
  channel: Channel,
  remote: string,
  options: SaslOptions,
  versionOf: (api: Api) => number,
  timing: { timeoutMs?: number } = {},
): Promise<number> {
  const client = saslClient(options)
  const { mechanism } = options
  const handshake = await channel.request(SaslHandshake, versionOf(SaslHandshake), { mechanism }, timing)
  if (handshake.errorCode !== 0) throw refused(remote, mechanism, handshake.errorCode, handshake.mechanisms)
  let token: Buffer | undefined = await client.first()
  for (let step = 0; step < STEPS_MAX; step++) {
    const answer: { errorCode: number; errorMessage: string | null; authBytes: Buffer; sessionLifetimeMs: number } = await channel.request(
      SaslAuthenticate,
      versionOf(SaslAuthenticate),
      { authBytes: token },
      timing,
    )
    if (answer.errorCode !== 0) {
      throw new MoldauError(
        'AUTHENTICATION_FAILED',
        `${remote} did not accept the log-in by ${mechanism}: ${answer.errorMessage ?? errorName(answer.errorCode)}`,
      )
    }
    token = await client.next(answer.authBytes)
    if (token === undefined) return answer.sessionLifetimeMs
  }
  throw new MoldauError('AUTHENTICATION_FAILED', `${remote} never ends the log-in by ${mechanism}`)
}

function refused(remote: string, mechanism: string, code: number, offered: readonly string[]): MoldauError {
  const name = errorName(code)
  if (name === 'ILLEGAL_SASL_STATE') {
    return new MoldauError('AUTHENTICATION_FAILED', `${remote} does not want a log-in: use a listener that speaks SASL, or leave sasl out`)
  }
  return new MoldauError('AUTHENTICATION_FAILED', `${remote} does not offer ${mechanism}; it offers ${offered.join(', ') || 'nothing'}`)
}
