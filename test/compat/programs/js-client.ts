/**
 * Programs on clients of JavaScript: see ../../support/client-program.ts, which says what each command does and prints.
 *
 *   node js-client.ts LIBRARY BOOTSTRAP produce|consume|copy ...
 *
 * The libraries are in the folder named by JS_CLIENTS, not among the packages of this project.
 */
import { createRequire } from 'node:module'
import { join } from 'node:path'

import { fail, say } from './js-library.ts'
import { kafkajs } from './kafkajs.ts'
import { platformatic } from './platformatic.ts'

const [name, bootstrap, command, ...args] = process.argv.slice(2)
const require = createRequire(join(process.env['JS_CLIENTS']!, 'package.json'))
const library = name === 'kafkajs' ? kafkajs(require('kafkajs'), bootstrap!) : platformatic(require('@platformatic/kafka'), bootstrap!)
process.on('SIGTERM', () => {
  void library
    .stop()
    .catch(fail)
    .then(() => {
      say('closed')
      process.exit(0)
    })
})
process.on('unhandledRejection', fail)

if (command === 'produce') {
  await library.produce(args[0]!, Number(args[1]), Number(args[2]), Number(args[3])).catch(fail)
  await library.stop().catch(fail)
  say('closed')
} else if (command === 'consume') await library.consume(args[0]!, args[1]!).catch(fail)
else if (command === 'copy') await library.copy(args[0]!, args[1]!, args[2]!, args[3]!).catch(fail)
else fail(new Error(`no such command: ${command}`))
