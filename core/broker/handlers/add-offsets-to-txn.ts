import { GROUPS_TOPIC } from '../../coordinator/coordinator-log.ts'
import { AddOffsetsToTxn } from '../../protocol/messages/add-offsets-to-txn.ts'
import { callerOf, fencedAs } from '../coordinator-answers.ts'
import { handler } from '../handler.ts'

/** AddOffsetsToTxn 0 to 4: the partition that keeps the group's offsets joins the transaction. Clients of transactions v2 do not send it. */
export const addOffsetsToTxn = handler({
  api: AddOffsetsToTxn,
  minVersion: 0,
  maxVersion: 4,
  async handle({ transactionalId, producerId, producerEpoch: epoch, groupId }, context) {
    const { broker, version } = context
    await broker.groups.prepare()
    const partition = { topic: GROUPS_TOPIC, partition: broker.groups.partitionFor(groupId) }
    const error = await broker.transactions.addPartitions(transactionalId, { producerId, epoch }, [partition], callerOf(context))
    return { throttleTimeMs: 0, errorCode: fencedAs(error, version >= 2) }
  },
})
