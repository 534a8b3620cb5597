import { inOrder } from './assignor.ts'
import type { Assignor } from './assignor.ts'

/** All partitions of all topics in turn to the members that want the topic (`org.apache.kafka.clients.consumer.RoundRobinAssignor`). */
export const roundrobin: Assignor = {
  name: 'roundrobin',
  assign(members, topics) {
    const sorted = inOrder(members).map(({ memberId, topics: wanted }) => ({ memberId, wanted: new Set(wanted) }))
    const assignment = new Map(sorted.map(({ memberId }) => [memberId, [] as { topic: string; partition: number }[]]))
    let turn = 0
    for (const topic of [...topics.keys()].toSorted()) {
      if (!sorted.some(({ wanted }) => wanted.has(topic))) continue
      for (let partition = 0; partition < topics.get(topic)!.length; partition++) {
        while (!sorted[turn % sorted.length]!.wanted.has(topic)) turn++
        assignment.get(sorted[turn++ % sorted.length]!.memberId)!.push({ topic, partition })
      }
    }
    return assignment
  },
}
