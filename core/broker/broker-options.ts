import type { Clock } from '../base/clock.ts'
import type { Files } from '../base/files.ts'
import type { Logger } from '../base/logger.ts'
import type { RandomBytes } from '../base/uuid.ts'
import type { BufferPool } from '../net/buffer-pool.ts'
import type { Principal } from '../security/principal.ts'
import type { BrokerConfigInput } from './broker-config.ts'
import type { ScramUser } from './scram-users.ts'

export interface BrokerOptions {
  /** Data directory; made when it is missing. One broker at a time may use it. */
  dir: string
  /** TCP port of one listener in plain text; 0 (the default) takes a free one, null listens in this process only. Other listeners: the setting `listeners`. */
  port?: number | null
  /** Address to listen on, and what clients are told. Default '127.0.0.1'; with '0.0.0.0' clients are told the name of this machine. */
  host?: string
  /** Default: the one of the data directory, 1 when it is new. */
  nodeId?: number
  /** Default: the one of the data directory, made up when it is new. */
  clusterId?: string
  /** Settings under Kafka's names, dotted or in camelCase: `{ 'num.partitions': 6 }` or `{ numPartitions: 6 }`. */
  config?: BrokerConfigInput
  /**
   * As whom connections of this process (`connect(broker)`) are judged where there is access control. Default: they may do everything, since who holds the
   * broker can stop it and read its files.
   */
  inProcessPrincipal?: Principal
  /** Users that can log in by SCRAM from the start; those that are there already keep their passwords. The first administrator comes from here. */
  scramUsers?: readonly ScramUser[]
  clock?: Clock
  random?: RandomBytes
  /** The disk; a test brings one that fails. */
  files?: Files
  /** Where big requests and answers stand in memory; a test counts what is made. */
  buffers?: BufferPool
  /** Default: silence. pino fits. */
  logger?: Logger
}
