import { errorCode } from '../../protocol/errors.ts'
import { UnregisterBroker } from '../../protocol/messages/unregister-broker.ts'
import { handler } from '../handler.ts'

/** UnregisterBroker 0 (KIP-631): the one broker there is cannot go, and others are not registered. */
export const unregisterBroker = handler({
  api: UnregisterBroker,
  minVersion: 0,
  maxVersion: 0,
  handle({ brokerId }, { broker }) {
    const isThis = brokerId === broker.nodeId
    return {
      throttleTimeMs: 0,
      errorCode: errorCode(isThis ? 'INVALID_REQUEST' : 'BROKER_ID_NOT_REGISTERED'),
      errorMessage: isThis
        ? `broker ${brokerId} is the whole cluster: stop it instead`
        : `Broker ID ${brokerId} is not currently registered`,
    }
  },
})
