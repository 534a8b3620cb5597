import { Broker } from '../../core/broker/broker.ts'

/** A broker in a process of its own, to be killed: `node broker-process.ts DIR DURABILITY` prints its port. */
const [dir, durability] = process.argv.slice(2)
const broker = await Broker.start({ dir: dir!, config: { durability: durability! } })
process.stdout.write(`${broker.port}\n`)
