import { MoldauError } from '../../base/errors.ts'
import type { BrokerConnection } from '../../cluster/connection.ts'
import { byTopic, tpKey } from '../../cluster/topic-partition.ts'
import { ListOffsets } from '../../protocol/messages/list-offsets.ts'
import { rounds } from '../rounds.ts'
import type { Isolation } from '../types.ts'
import type { AdminCalls } from './calls.ts'
import { offsetSpecs } from './record-types.ts'
import type { ListOffsetsOptions, OffsetAnswer, OffsetQuestion } from './record-types.ts'
import type { Answer } from './settle.ts'
import { offsetQuestion } from './specs.ts'

/** Asks the leaders. The answers come in the order of the questions. @throws AdminError by `topic-partition at` */
export function listOffsets(calls: AdminCalls, questions: readonly OffsetQuestion[], options: ListOffsetsOptions): Promise<OffsetAnswer[]> {
  const { isolationLevel: isolation = 'read_uncommitted', timeoutMs: callMs } = options
  return calls.onLeaders<OffsetQuestion, OffsetAnswer>({
    what: 'find offset',
    items: questions,
    each: offsetQuestion,
    nameOf: questionName,
    timeoutMs: callMs,
    ask: async (connection, asked, timeoutMs) => {
      // A request may name a partition once.
      return (await Promise.all(rounds(asked, tpKey).map((round) => findOffsets(connection, round, isolation, timeoutMs)))).flat()
    },
  })
}

function questionName(question: OffsetQuestion): string {
  return `${tpKey(question)} ${question.at}`
}

async function findOffsets(
  connection: BrokerConnection,
  questions: readonly OffsetQuestion[],
  isolation: Isolation,
  timeoutMs: number,
): Promise<Answer<OffsetAnswer>[]> {
  const version = connection.version(ListOffsets)
  const isKnown = ({ at }: OffsetQuestion): boolean => typeof at === 'number' || version >= offsetSpecs[at].since
  const refused = questions
    .filter((question) => !isKnown(question))
    .map((question) => {
      const text = `${questionName(question)}: ${connection.remote} does not know this place (its ListOffsets ends with version ${version})`
      return { name: questionName(question), error: new MoldauError('UNSUPPORTED_VERSION', text) }
    })
  const asked = new Map(questions.filter(isKnown).map((question) => [tpKey(question), question]))
  if (asked.size === 0) return refused
  const topics = [...byTopic(asked.values())].map(([name, list]) => ({
    name,
    partitions: list.map(({ partition, at }) => {
      return { partitionIndex: partition, timestamp: typeof at === 'number' ? at : offsetSpecs[at].timestamp }
    }),
  }))
  const answer = await connection.request(ListOffsets, {
    replicaId: -1,
    isolationLevel: isolation === 'read_committed' ? 1 : 0,
    topics,
    timeoutMs,
  })
  const found = answer.topics.flatMap(({ name: topic, partitions }) =>
    partitions.map(({ partitionIndex: partition, errorCode, offset, timestamp, leaderEpoch }) => {
      const question = asked.get(tpKey({ topic, partition }))
      return {
        name: question === undefined ? '' : questionName(question),
        errorCode,
        value: { topic, partition, offset, timestamp, leaderEpoch },
      }
    }),
  )
  return [...found, ...refused]
}
