/**
 * A broker in a process of its own on a {@link SlowDisk}: `fork`ed with DIR and settings as JSON, sends its port, and is told `{ hold }` in
 * milliseconds (null: until told otherwise) and `{ errno }`. Everything in DIR is slow but the partitions of topic `fast`.
 */
import type { BrokerConfigInput } from '../../core/broker/broker-config.ts'
import { Broker } from '../../core/broker/broker.ts'
import { SlowDisk } from './slow-disk.ts'

const [dir, config] = process.argv.slice(2)
const disk = new SlowDisk(`${dir}.pipes`, (path) => path.startsWith(dir!) && !path.startsWith(`${dir}/fast-`))
process.on('message', (told: { hold?: number | null; errno?: string | null }) => {
  if (told.hold !== undefined) disk.hold(told.hold ?? Infinity)
  if (told.errno !== undefined) disk.errno = told.errno ?? undefined
  process.send!('done')
})
const broker = await Broker.start({ dir: dir!, files: disk.files, config: JSON.parse(config!) as BrokerConfigInput })
process.send!(broker.port)
