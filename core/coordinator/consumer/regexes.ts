import { messageOf } from '../../base/errors.ts'
import { kafkaError } from '../../protocol/errors.ts'
import { topicPattern } from '../topic-pattern.ts'
import { decide } from './apply.ts'
import type { ConsumerContext } from './context.ts'
import type { ConsumerGroup } from './state.ts'

/** New topics are looked at no more often than this, however often there are some; Kafka's figure. */
const REFRESH_MIN_MS = 10_000

/** @throws KafkaError INVALID_REGULAR_EXPRESSION */
export function checkRegex(group: ConsumerGroup | undefined, expression: string): void {
  if (group?.regexes.has(expression) === true) return
  try {
    topicPattern(expression)
  } catch (error) {
    throw kafkaError(
      'INVALID_REGULAR_EXPRESSION',
      `SubscribedTopicRegex \`${expression}\` is not a valid regular expression: ${messageOf(error)}.`,
    )
  }
}

/** Forgets what nobody subscribes to any more; answers the expressions that are left. */
export function forgetRegexes(group: ConsumerGroup, context: ConsumerContext): ReadonlySet<string> {
  const wanted = new Set<string>()
  for (const { metadata } of group.members.values()) if (metadata.topicRegex !== '') wanted.add(metadata.topicRegex)
  for (const regex of group.regexes.keys()) {
    if (!wanted.has(regex)) decide(group, { kind: 'regex', group: group.id, regex, value: null }, context)
  }
  return wanted
}

/**
 * Finds the topics that the expressions of the members match: at once for a new expression, for all when topics have come or gone.
 * `mayDescribe` is what the asking member may know of. True when a match is another than before.
 */
export function refreshRegexes(group: ConsumerGroup, mayDescribe: (topic: string) => boolean, context: ConsumerContext): boolean {
  const wanted = forgetRegexes(group, context)
  if (wanted.size === 0) return false
  const { topics, now, config } = context
  const isNew = [...wanted].some((regex) => !group.regexes.has(regex))
  const age = now.mono - group.regexesAt
  const isDue = (topics.version !== group.regexesVersion && age >= REFRESH_MIN_MS) || age >= config.consumerRegexRefreshIntervalMs
  if (!isNew && !isDue) return false
  let changed = false
  for (const regex of wanted) if (resolve(group, regex, mayDescribe, context)) changed = true
  group.regexesAt = now.mono
  group.regexesVersion = topics.version
  return changed
}

function resolve(group: ConsumerGroup, regex: string, mayDescribe: (topic: string) => boolean, context: ConsumerContext): boolean {
  const { topics, now } = context
  const pattern = topicPattern(regex)
  const matched = new Set<string>()
  for (const name of topics.names()) if (pattern.matches(name) && mayDescribe(name)) matched.add(name)
  const before = group.regexes.get(regex)?.topics
  if (before !== undefined && before.size === matched.size && [...matched].every((name) => before.has(name))) return false
  decide(
    group,
    { kind: 'regex', group: group.id, regex, value: { topics: matched, version: topics.version, timestamp: now.wall } },
    context,
  )
  return true
}
