/**
 * The public face of the log: a broker to embed, a client for any Kafka-protocol cluster, serdes. Nothing else is exported.
 *
 * ```ts
 * import { Broker, connect } from 'moldau/core'
 *
 * const broker = await Broker.start({ dir: './data' })
 * const client = await connect(broker) // or connect('kafka-1:9092')
 * ```
 */
export { Broker } from './broker/broker.ts'
export type { BrokerOptions, OpenListener } from './broker/broker.ts'
export type { ScramUser } from './broker/scram-users.ts'
export type { DirectoryState } from './log/directory-health.ts'
export type { Clock } from './base/clock.ts'
export { errorCodes, MoldauError } from './base/errors.ts'
export type { ErrorCode } from './base/errors.ts'
export type { Logger } from './base/logger.ts'
export { KafkaError } from './protocol/errors.ts'
export type { KafkaErrorName } from './protocol/errors.ts'
export type { CompressionName } from './record/compression-names.ts'
export { avro, bytes, float64, int32, int64, json, schema, schemaRegistry, string } from './serde/index.ts'
export type {
  AvroSchema,
  AvroSerde,
  FromAvro,
  RegisteredOptions,
  RegisteredSerde,
  RegistryOptions,
  SchemaRegistry,
  SchemaSerde,
  Serde,
  StandardSchema,
  ToAvro,
  ValueOf,
} from './serde/index.ts'
export { tpKey } from './cluster/topic-partition.ts'
export type { Connectable } from './cluster/address.ts'
export { connect } from './client/connect.ts'
export type { Client } from './client/client.ts'
export type { Producer } from './client/producer.ts'
export { ProducerFatalError, TransactionAbortableError } from './client/producer-errors.ts'
export { LogTruncationError } from './client/log-truncation.ts'
export type { RawBatch } from './client/raw-batch.ts'
export type { Consumer } from './client/consumer.ts'
export type { Committable, Done } from './client/committable.ts'
export type { Subscription } from './client/membership.ts'
export type {
  AssignedMember,
  Assignment,
  Assignor,
  GivenAssignment,
  GroupTopics,
  LastAssignment,
  PartitionRacks,
} from './client/assignors/assignor.ts'
export type { AssignorName } from './client/assignors/assignors.ts'
export type { Admin } from './client/admin.ts'
export { AdminError } from './client/admin/admin-error.ts'
export type * from './client/admin/types.ts'
export type { ClientOptions } from './client/client-options.ts'
export type { ConsumerOptions } from './client/consumer-options.ts'
export type { ProducerOptions } from './client/producer-options.ts'
export type { SecuritySettings, SslOptions } from './client/security-settings.ts'
export type { SaslOptions } from './security/sasl-client.ts'
export { ConsumerRecord, records } from './client/consumer-records.ts'
export type { RecordSerdes } from './client/consumer-records.ts'
export type { ConsumerInterceptor, ProducerInterceptor, SettledBatch } from './client/interceptors.ts'
export { openTelemetry } from './client/tracing.ts'
export type { OpenTelemetryApi, Tracing } from './client/tracing.ts'
export type { Metric, MetricTags } from './client/metrics/metric.ts'
export { prometheus } from './client/metrics/prometheus.ts'
export type { PrometheusApi } from './client/metrics/prometheus.ts'
export type { MetricsSnapshot } from './client/metrics/snapshot.ts'
export type { ProducerMetricName } from './client/metrics/producer-stats.ts'
export type { ConsumerMetricName } from './client/metrics/consumer-stats.ts'
export type { ConsumerEvents, Failure, ProducerEvents } from './client/client-events.ts'
export type {
  CommittedOffset,
  ConsumerBatch,
  GroupMetadata,
  Header,
  NewHeader,
  Isolation,
  OffsetReset,
  OffsetSpec,
  OffsetToCommit,
  PollOptions,
  ProducerBatch,
  ProducerRecord,
  ProducerRow,
  RebalanceListener,
  RecordColumns,
  RecordMetadata,
  TopicPartition,
  WrittenRange,
} from './client/types.ts'
