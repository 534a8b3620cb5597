/** Where a value comes from, with the codes of DescribeConfigs. */
export const configSources = {
  topic: 1,
  /** Changed at run time for one broker. */
  broker: 2,
  /** Changed at run time for all brokers. */
  cluster: 3,
  staticBroker: 4,
  default: 5,
  logger: 6,
  clientMetrics: 7,
  group: 8,
} as const
