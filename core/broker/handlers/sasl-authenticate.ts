import { errorCode } from '../../protocol/errors.ts'
import { SaslAuthenticate } from '../../protocol/messages/sasl-authenticate.ts'
import { handler } from '../handler.ts'

/** SaslAuthenticate 0 to 2: comes here only without a handshake before it. v1 tells how long a log-in is good for (KIP-368). */
export const saslAuthenticate = handler({
  api: SaslAuthenticate,
  minVersion: 0,
  maxVersion: 2,
  handle: () => ({
    errorCode: errorCode('ILLEGAL_SASL_STATE'),
    errorMessage: 'SaslAuthenticate request received after successful authentication',
    authBytes: Buffer.alloc(0),
  }),
})
