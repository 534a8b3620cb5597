import { AlterConfigs } from '../../protocol/messages/alter-configs.ts'
import { DescribeConfigs } from '../../protocol/messages/describe-configs.ts'
import { IncrementalAlterConfigs } from '../../protocol/messages/incremental-alter-configs.ts'
import { configResourceTypes } from '../../protocol/config-codes.ts'
import type { Session } from '../session.ts'
import { CLUSTER_REFUSED, GROUP_REFUSED, TOPIC_REFUSED, guard, part, then } from './guard.ts'
import type { NamedGuard } from './guard.ts'

interface Asked {
  readonly resourceType: number
  readonly resourceName: string
}

/** A kind that nobody knows is left to the handler. */
function may(session: Session, operation: 'describeConfigs' | 'alterConfigs', { resourceType, resourceName }: Asked): boolean {
  switch (resourceType) {
    case configResourceTypes.topic:
      return session.allows(operation, 'topic', resourceName)
    case configResourceTypes.group:
      return session.allows(operation, 'group', resourceName)
    case configResourceTypes.broker:
    case configResourceTypes.brokerLogger:
    case configResourceTypes.clientMetrics:
      return session.allowsCluster(operation)
    default:
      return true
  }
}

function refusal({ resourceType, resourceName }: Asked) {
  const [code, name] =
    resourceType === configResourceTypes.topic
      ? ([TOPIC_REFUSED, 'Topic authorization failed.'] as const)
      : resourceType === configResourceTypes.group
        ? ([GROUP_REFUSED, 'Group authorization failed.'] as const)
        : ([CLUSTER_REFUSED, 'Cluster authorization failed.'] as const)
  return { errorCode: code, errorMessage: name, resourceType, resourceName }
}

const describeConfigs = guard(DescribeConfigs, (request, { session }, next) => {
  const { allowed, refused } = part(request.resources, (asked) => may(session, 'describeConfigs', asked))
  if (refused.length === 0) return next(request)
  const results = refused.map((asked) => ({ ...refusal(asked), configs: [] }))
  return then(next({ ...request, resources: allowed }), (answer) => ({ ...answer, results: [...answer.results, ...results] }))
})

const alterConfigs = guard(AlterConfigs, (request, { session }, next) => {
  const { allowed, refused } = part(request.resources, (asked) => may(session, 'alterConfigs', asked))
  if (refused.length === 0) return next(request)
  const responses = refused.map(refusal)
  return then(next({ ...request, resources: allowed }), (answer) => ({ ...answer, responses: [...answer.responses, ...responses] }))
})

const incrementalAlterConfigs = guard(IncrementalAlterConfigs, (request, { session }, next) => {
  const { allowed, refused } = part(request.resources, (asked) => may(session, 'alterConfigs', asked))
  if (refused.length === 0) return next(request)
  const responses = refused.map(refusal)
  return then(next({ ...request, resources: allowed }), (answer) => ({ ...answer, responses: [...answer.responses, ...responses] }))
})

/** Calls about settings. */
export const configGuards: readonly NamedGuard[] = [describeConfigs, alterConfigs, incrementalAlterConfigs]
