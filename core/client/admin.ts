import { ClusterAdmin } from './admin/cluster.ts'

/**
 * Topics, settings, groups, transactions, access and the rest of a cluster, by the names of Kafka's `Admin`: `client.admin`.
 *
 * Each call goes to the broker that decides it (controller, coordinator, leader) and is repeated while that moves, for `timeoutMs`
 * (`default.api.timeout.ms`) at most. What is asked for many things goes in one request to each broker, and is answered in the order of the things.
 * When some of them fail the call throws an {@link AdminError}, which has the error of each and the results of the others. A call that is about one
 * thing throws its KafkaError, or the MoldauError TIMEOUT.
 */
export class Admin extends ClusterAdmin {}
