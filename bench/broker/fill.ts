import { closedLoops } from './closed-loop.ts'
import { RawConnection } from './raw-connection.ts'
import { type BatchShape, batchOf, produced, produceFrame } from './requests.ts'
import type { Contender } from './servers.ts'
import { createTopic } from './topics.ts'

/** Makes a topic with so many bytes in each of its partitions. Answers the size of a batch. */
export async function fill(server: Contender, topic: string, partitions: number, bytes: number, shape: BatchShape): Promise<number> {
  await createTopic(server, topic, partitions)
  const records = batchOf(shape)
  const connection = await RawConnection.open(server.bootstrap)
  for (let partition = 0; partition < partitions; partition++) {
    const frame = produceFrame(topic, partition, records, 1)
    const loop = { connection, frame, inFlight: 16, check: (head: Buffer) => void produced(head, topic) }
    await closedLoops([loop], { seconds: Infinity, requests: Math.ceil(bytes / records.length) })
  }
  connection.close()
  return records.length
}
