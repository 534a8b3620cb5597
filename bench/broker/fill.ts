import { closedLoops } from './closed-loop.ts'
import { RawConnection } from './raw-connection.ts'
import { type BatchShape, batchOf, produced, produceFrame } from './requests.ts'
import type { Contender } from './servers.ts'
import { createTopic } from './topics.ts'

/** Makes a topic with so many bytes in its one partition. Answers the size of a batch. */
export async function fill(server: Contender, topic: string, bytes: number, shape: BatchShape): Promise<number> {
  await createTopic(server, topic, 1)
  return fillPartition(server, topic, 0, bytes, shape)
}

/** Writes so many bytes to a partition. Answers the size of a batch. */
export async function fillPartition(
  server: Contender,
  topic: string,
  partition: number,
  bytes: number,
  shape: BatchShape,
): Promise<number> {
  const records = batchOf(shape)
  const connection = await RawConnection.open(server.bootstrap)
  const frame = produceFrame(topic, partition, records, 1)
  const loop = { connection, frame, inFlight: 16, check: (head: Buffer) => void produced(head, topic) }
  await closedLoops([loop], { seconds: Infinity, requests: Math.ceil(bytes / records.length) })
  connection.close()
  return records.length
}
