/** Kafka's ConfigResource.Type: kinds of things that have settings, with the codes of requests. */
export const configResourceTypes = { topic: 2, broker: 4, brokerLogger: 8, clientMetrics: 16, group: 32 } as const

/** Kafka's ConfigEntry.ConfigType: the types of settings, with the codes that DescribeConfigs answers. */
export const configTypes = {
  boolean: 1,
  string: 2,
  int: 3,
  short: 4,
  long: 5,
  double: 6,
  list: 7,
  class: 8,
  password: 9,
} as const
