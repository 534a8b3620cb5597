import { MoldauError } from '../base/errors.ts'
import { consumerSettings } from './consumer-options.ts'
import type { ConsumerOptions } from './consumer-options.ts'
import { hintFor } from './option-hints.ts'
import { readOptions, spellingOf } from './settings.ts'
import type { ReadOptions } from './settings.ts'

export type ReadConsumerOptions = ReadOptions<typeof consumerSettings>

/** With the defaults where nothing is given. @throws MoldauError INVALID_CONFIG */
export function readConsumerOptions(options: ConsumerOptions): ReadConsumerOptions {
  const read = readOptions('consumer', options, consumerSettings, (spelling) => hintFor('client.consumer()', spelling))
  const { groupProtocol, groupId, heartbeatIntervalMs, sessionTimeoutMs, enableAutoCommit } = read
  for (const [name, instead] of Object.entries(elsewhere[groupProtocol])) {
    const spelling = spellingOf(options, consumerSettings, name as keyof typeof consumerSettings)
    if (spelling !== undefined) throw wrong(`${spelling} does nothing with groupProtocol '${groupProtocol}': ${instead}`)
  }
  if (groupProtocol === 'classic' && heartbeatIntervalMs >= sessionTimeoutMs) {
    throw wrong(
      `heartbeatIntervalMs (${heartbeatIntervalMs}) must be less than sessionTimeoutMs (${sessionTimeoutMs}): a third of it is usual`,
    )
  }
  if (enableAutoCommit && groupId === undefined) throw wrong('enableAutoCommit needs a groupId: what is committed belongs to a group')
  return read
}

/** What belongs to the other protocol only, and what to do instead. */
const elsewhere: Readonly<Record<'classic' | 'consumer', Partial<Record<keyof typeof consumerSettings, string>>>> = {
  classic: { groupRemoteAssignor: "use partitionAssignmentStrategy, or groupProtocol 'consumer'" },
  consumer: {
    partitionAssignmentStrategy: "the coordinator shares out: use groupRemoteAssignor, or groupProtocol 'classic'",
    sessionTimeoutMs: 'set group.consumer.session.timeout.ms on the brokers, or consumer.session.timeout.ms of the group by the admin',
    heartbeatIntervalMs:
      'set group.consumer.heartbeat.interval.ms on the brokers, or consumer.heartbeat.interval.ms of the group by the admin',
  },
}

function wrong(message: string): MoldauError {
  return new MoldauError('INVALID_CONFIG', `consumer: ${message}`)
}
