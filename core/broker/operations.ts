/** Codes of the operations that access control knows. */
const operation = {
  read: 3,
  write: 4,
  create: 5,
  delete: 6,
  alter: 7,
  describe: 8,
  clusterAction: 9,
  describeConfigs: 10,
  alterConfigs: 11,
  idempotentWrite: 12,
}

const bits = (...codes: number[]): number => codes.reduce((set, code) => set | (1 << code), 0)

/** What may be done with a topic, as a bit set (KIP-430): everything, as long as there is no access control. */
export const topicOperations = bits(
  operation.read,
  operation.write,
  operation.create,
  operation.delete,
  operation.alter,
  operation.describe,
  operation.describeConfigs,
  operation.alterConfigs,
)

/** What may be done with the cluster. */
export const clusterOperations = bits(
  operation.create,
  operation.alter,
  operation.describe,
  operation.clusterAction,
  operation.describeConfigs,
  operation.alterConfigs,
  operation.idempotentWrite,
)
