/**
 * One instance of the shop (shop-jobs.ts) in a process of its own, to be killed, frozen and stopped: `node shop-process.ts <options as JSON>`. Says
 * `started`, and `late N` and the like when it ends.
 */
import { flushCompileCache } from 'node:module'

import { connect } from '../../core/index.ts'
import { run, type Guarantee, type PipelineMetrics } from '../../pipelines/index.ts'
import { shopJobs } from './shop-jobs.ts'

export interface ShopOptions {
  readonly bootstrap: string
  readonly instanceId: string
  readonly guarantee: Guarantee
  readonly sessionTimeoutMs: number
  readonly slow: string
  readonly failing: string
  /** Runs to the end of what there is, and ends. */
  readonly drain: boolean
}

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const { bootstrap, instanceId, guarantee, sessionTimeoutMs, slow, failing, drain } = JSON.parse(process.argv[2]!) as ShopOptions
const client = await connect(bootstrap, { clientId: instanceId, bootstrapTimeoutMs: 600_000, requestTimeoutMs: 5000 })
const job = await run(shopJobs(slow, failing), {
  client,
  applicationId: 'shop',
  instanceId,
  guarantee,
  standbys: 1,
  sessionTimeoutMs,
  deadLetters: 'dead',
  poisonMax: Infinity,
  epoch: { records: 200, ms: 10 },
  // A partition that was silent and gets records while its process is dead may be late; here none counts as silent.
  idleMs: 600_000,
})
let last: readonly PipelineMetrics[] = []
job.metrics$.subscribe((metrics) => {
  last = metrics
  for (const { pipeline, late, lost } of metrics) if (late > 0 || lost > 0) say(`WRONG ${pipeline}: ${late} late, ${lost} lost`)
})
process.once('SIGTERM', () => void job.stop({ leave: true }))
say('started')
flushCompileCache()
if (drain) void job.drain()
try {
  await job.done
  say(`stopped: ${last.map(({ pipeline, recordsIn }) => `${pipeline} ${recordsIn}`).join(', ')}`)
  await client.close()
  process.exit(0)
} catch (error) {
  say(`failed: ${String(error)}`)
  process.exit(1)
}
