import { apis } from '../../core/protocol/apis.ts'
import * as consumerGroupRecords from '../../core/protocol/messages/consumer-group-records.ts'
import * as consumerProtocol from '../../core/protocol/messages/consumer-protocol.ts'
import * as coordinatorRecords from '../../core/protocol/messages/coordinator-records.ts'
import type { Message } from '../../core/protocol/schema.ts'

/** Every message that moldau reads and writes. */
export const allMessages: readonly Message[] = [
  ...apis.flatMap((call) => [call.request, call.response]),
  ...Object.values(consumerProtocol),
  ...Object.values(coordinatorRecords),
  ...Object.values(consumerGroupRecords),
]

/** Calls `run` for every version of every message. */
export function everyVersion(run: (message: Message, version: number) => void): void {
  for (const message of allMessages) {
    for (let version = message.versions.first; version <= message.versions.last; version++) run(message, version)
  }
}
