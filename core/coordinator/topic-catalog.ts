/** A topic as coordinators see it. */
export interface CatalogTopic {
  readonly name: string
  readonly id: string
  readonly partitions: number
}

/** What coordinators need to know about topics; the broker answers it from its metadata. */
export interface TopicCatalog {
  /** Changes whenever a topic is created, deleted or gets more partitions. */
  readonly version: number
  get(name: string): CatalogTopic | undefined
  byId(id: string): CatalogTopic | undefined
  names(): Iterable<string>
}
