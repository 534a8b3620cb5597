import { adminClusterScenarios } from './admin-cluster-scenarios.ts'
import { adminGroupScenarios } from './admin-group-scenarios.ts'
import { adminTopicScenarios } from './admin-topic-scenarios.ts'
import type { Scenario } from './client-kit.ts'

/** What an administrator does, with equal results on our broker and on Apache Kafka. */
export const adminScenarios: Readonly<Record<string, Scenario>> = {
  ...adminTopicScenarios,
  ...adminGroupScenarios,
  ...adminClusterScenarios,
}
