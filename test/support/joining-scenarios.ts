import { resolveAssignors } from '../../core/client/assignors/assignors.ts'
import type { AssignorName } from '../../core/client/assignors/assignors.ts'
import type { Assignor } from '../../core/index.ts'
import { clientFor, newTopic, uniqueName } from './client-kit.ts'
import type { Scenario } from './client-kit.ts'
import { eachKind } from './each-kind.ts'
import { reading } from './membership-audit.ts'

/** How a consumer comes into its group and goes, and what the group is told of it. */
export const joiningScenarios: Readonly<Record<string, Scenario>> = {
  ...eachKind('the group is told in which rack a member runs', async (t, env, kind) => {
    const client = await clientFor(t, env)
    const topic = await newTopic(client, 1)
    const groupId = uniqueName('racks')
    const racks = new Set<string | null>()
    const watched = kind.partitionAssignmentStrategy?.map((given): Assignor => {
      const [assignor] = resolveAssignors([given as AssignorName])
      return {
        ...assignor!,
        assign(members, topics) {
          for (const { rackId } of members) racks.add(rackId)
          return assignor!.assign(members, topics)
        },
      }
    })
    const member = { groupId, ...kind, ...reading, ...(watched && { partitionAssignmentStrategy: watched }) }
    const near = client.consumer({ ...member, clientRack: 'near' })
    const nowhere = client.consumer(member)
    near.subscribe([topic])
    nowhere.subscribe([topic])
    const isIn = (consumer: typeof near): boolean => consumer.groupMetadata().generation >= 0
    const both = (): boolean => watched === undefined || racks.size === 2
    while (!isIn(near) || !isIn(nowhere) || !both()) await Promise.all([near.poll(20), nowhere.poll(20)])
    if (watched === undefined) {
      const [group] = await client.admin.describeConsumerGroups([groupId])
      for (const { rackId } of group!.members) racks.add(rackId)
    }
    t.deepEqual(racks, new Set(['near', null]))
    await Promise.all([near.close(), nowhere.close()])
  }),
}
