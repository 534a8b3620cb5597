import { errorCode, type KafkaErrorName } from '../../protocol/errors.ts'
import { DeleteGroups } from '../../protocol/messages/delete-groups.ts'
import { nameOf } from '../coordinator-answers.ts'
import { handler } from '../handler.ts'
import type { BrokerServices } from '../services.ts'

/** DeleteGroups 0 to 2: groups without members, with their offsets. */
export const deleteGroups = handler({
  api: DeleteGroups,
  minVersion: 0,
  maxVersion: 2,
  async handle(request, { broker }) {
    const errors = await Promise.all(request.groupsNames.map((groupId) => remove(broker, groupId)))
    return { throttleTimeMs: 0, results: request.groupsNames.map((groupId, i) => ({ groupId, errorCode: errorCode(errors[i]!) })) }
  },
})

async function remove(broker: BrokerServices, groupId: string): Promise<KafkaErrorName> {
  try {
    return await broker.groups.delete(groupId)
  } catch (error) {
    return nameOf(error)
  }
}
