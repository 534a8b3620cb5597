import type { Scenario } from './client-kit.ts'
import { compactedScenarios } from './compacted-scenarios.ts'
import { creatingScenarios } from './creating-scenarios.ts'
import { fetchingScenarios } from './fetching-scenarios.ts'
import { groupScenarios } from './group-scenarios.ts'
import { joiningScenarios } from './joining-scenarios.ts'
import { loopScenarios } from './loop-scenarios.ts'
import { membershipScenarios } from './membership-scenarios.ts'
import { producerScenarios } from './producer-scenarios.ts'
import { rawScenarios } from './raw-scenarios.ts'
import { recordScenarios } from './record-scenarios.ts'
import { transactionScenarios } from './transaction-scenarios.ts'

/** What a client has to do against any broker: run on ours, in process and over TCP, and on Apache Kafka. */
export const scenarios: Readonly<Record<string, Scenario>> = {
  ...recordScenarios,
  ...fetchingScenarios,
  ...transactionScenarios,
  ...groupScenarios,
  ...producerScenarios,
  ...rawScenarios,
  ...membershipScenarios,
  ...joiningScenarios,
  ...compactedScenarios,
  ...creatingScenarios,
  ...loopScenarios,
}
