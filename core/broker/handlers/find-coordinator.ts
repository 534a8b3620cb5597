import { messageOf } from '../../base/errors.ts'
import { detailOf, errorCode, type KafkaErrorName } from '../../protocol/errors.ts'
import { FindCoordinator } from '../../protocol/messages/find-coordinator.ts'
import { handler } from '../handler.ts'
import type { BrokerServices } from '../services.ts'

const GROUP = 0
const TRANSACTION = 1

/**
 * FindCoordinator 0 to 6: a lone broker coordinates every group and transactional id. The coordinators' topics are made when
 * somebody first asks. v1 knows transactional ids, v4 asks for several keys at once (KIP-699). Share groups (key type 2) are not served.
 */
export const findCoordinator = handler({
  api: FindCoordinator,
  minVersion: 0,
  maxVersion: 6,
  async handle(request, { broker, version, session }) {
    const { error, message } = await prepare(broker, request.keyType)
    const { host, port } = session.listener.endpoint
    const node = error === 'NONE' ? { nodeId: broker.nodeId, host, port } : { nodeId: -1, host: '', port: -1 }
    const answer = { ...node, errorCode: errorCode(error), errorMessage: message }
    if (version < 4) return answer
    return { coordinators: request.coordinatorKeys.map((key) => ({ key, ...answer })) }
  },
})

async function prepare(broker: BrokerServices, keyType: number): Promise<{ error: KafkaErrorName; message: string | null }> {
  if (keyType !== GROUP && keyType !== TRANSACTION)
    return { error: 'INVALID_REQUEST', message: `key type ${keyType} is not served, 0 (group) and 1 (transaction) are` }
  try {
    await (keyType === GROUP ? broker.groups : broker.transactions).prepare()
    return { error: 'NONE', message: null }
  } catch (error) {
    broker.logger.error({ err: error }, `the coordinator's topic could not be made: ${messageOf(error)}`)
    return { error: 'COORDINATOR_NOT_AVAILABLE', message: detailOf(error) }
  }
}
