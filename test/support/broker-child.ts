/**
 * A broker in a process of its own, to be killed: `node broker-child.ts <dir> <port> <settings as JSON>`; says its port when it answers, and
 * stops in good order at SIGTERM.
 */
import { flushCompileCache } from 'node:module'

import type { BrokerConfigInput } from '../../core/broker/broker-config.ts'
import { Broker } from '../../core/broker/broker.ts'

const [dir, port, config] = process.argv.slice(2)
const broker = await Broker.start({ dir: dir!, port: Number(port ?? 0), config: JSON.parse(config ?? '{}') as BrokerConfigInput })
process.once('SIGTERM', () => void broker.close())
process.stdout.write(`${broker.port}\n`)
flushCompileCache()
