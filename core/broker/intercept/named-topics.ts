import type { Api } from '../../protocol/api.ts'

/** ConfigResource.Type of Kafka. */
const TOPIC_RESOURCE = 2
/** Lists whose items are topics. */
const OF_TOPICS = /topic/i

/** Whether requests of a call name topics at all. */
export function canNameTopics({ request }: Api): boolean {
  const lists = (fields: typeof request.fields): boolean =>
    fields.some(({ name, kind, element }) => {
      return (
        kind === 'array' &&
        (OF_TOPICS.test(name) || lists(element!.fields) || element!.fields.some((field) => field.name === 'resourceName'))
      )
    })
  return lists(request.fields)
}

/**
 * The topics that a decoded request names, each once: by name, by id, as a subscription or as the owner of settings. What members of the
 * classic protocol write into the metadata of JoinGroup is opaque to a broker, and so it is here.
 *
 * @param nameOf the name of a topic id, undefined when there is no such topic
 */
export function namedTopics(request: unknown, nameOf: (topicId: string) => string | undefined): ReadonlySet<string> {
  const names = new Set<string>()
  collect(request as Item, nameOf, names)
  return names
}

type Item = Readonly<Record<string, unknown>>

function collect(from: Item, nameOf: (topicId: string) => string | undefined, names: Set<string>): void {
  for (const [key, list] of Object.entries(from)) {
    if (!Array.isArray(list)) continue
    const areTopics = OF_TOPICS.test(key)
    for (const item of list as unknown[]) {
      if (typeof item === 'string') {
        if (areTopics) names.add(item)
      } else if (typeof item === 'object' && item !== null && !Buffer.isBuffer(item)) {
        const name = areTopics ? topicName(item as Item, nameOf) : resourceName(item as Item)
        if (name !== undefined) names.add(name)
        else if (!areTopics) collect(item as Item, nameOf, names)
      }
    }
  }
}

function topicName({ name, topic, topicId }: Item, nameOf: (topicId: string) => string | undefined): string | undefined {
  // Which of them is there depends on the version; the others have their defaults.
  const named = name || topic
  if (typeof named === 'string' && named !== '') return named
  return typeof topicId === 'string' ? nameOf(topicId) : undefined
}

function resourceName({ resourceType, resourceName: name }: Item): string | undefined {
  return resourceType === TOPIC_RESOURCE && typeof name === 'string' ? name : undefined
}
