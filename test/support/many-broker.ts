/** A broker in a process of its own: `node many-broker.ts DIR CONFIG HOST` (JSON) prints a line with its port, then what it warns of. */
import { type Logger, silentLogger } from '../../core/base/logger.ts'
import { Broker } from '../../core/broker/broker.ts'

const [dir, config, host] = process.argv.slice(2)
const say = (fields: object, message: string): void => void process.stdout.write(`${message} ${JSON.stringify(fields)}\n`)
const logger: Logger = { ...silentLogger, warn: say, error: say }
const started = performance.now()
const broker = await Broker.start({ dir: dir!, host: host!, config: JSON.parse(config ?? '{}') as Record<string, string>, logger })
process.stdout.write(`ready ${broker.port} ${(performance.now() - started).toFixed(0)}\n`)
process.on('SIGTERM', () => void broker.close().then(() => process.exit(0)))
