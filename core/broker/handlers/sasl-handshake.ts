import { errorCode } from '../../protocol/errors.ts'
import { SaslHandshake } from '../../protocol/messages/sasl-handshake.ts'
import { handler } from '../handler.ts'

/** SaslHandshake 0 to 1: comes here only where nobody has to log in, or from somebody who just has. Logging in is `sasl-authentication.ts`. */
export const saslHandshake = handler({
  api: SaslHandshake,
  minVersion: 0,
  maxVersion: 1,
  handle: () => ({ errorCode: errorCode('ILLEGAL_SASL_STATE'), mechanisms: [] }),
})
