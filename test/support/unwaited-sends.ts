/** A program that does not wait for its sends: prints what kind of error commit() throws. Arguments: the broker, and how it goes wrong. */
import { connect, TransactionAbortableError } from '../../core/index.ts'

const say = (line: string): boolean => process.stdout.write(`${line}\n`)
const [bootstrap, how] = process.argv.slice(2) as [string, 'fenced' | 'unknown topic' | 'invalid']
const client = await connect(bootstrap, { unknownTopicTimeoutMs: 50 })
const producer = client.producer({ transactionalId: how })
await producer.init()
if (how === 'fenced') await client.producer({ transactionalId: how }).init()
producer.begin()
const topic = how === 'unknown topic' ? 'nowhere' : 'out'
const partition = how === 'invalid' ? 7 : 0
for (let n = 0; n < 3; n++) {
  void producer.send({ topic, partition, value: String(n) })
  void producer.sendBatch({ topic, partition, values: ['a', 'b'] })
}
try {
  await producer.commit()
  say('committed')
} catch (error) {
  say(error instanceof TransactionAbortableError ? 'to be aborted' : String(error))
}
await client.close()
say('closed')
