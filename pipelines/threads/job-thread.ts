import { parentPort, workerData } from 'node:worker_threads'
import { connect } from '../../core/client/connect.ts'
import { workersOf, type RunningPipeline } from '../job.ts'
import { readOptions } from '../options.ts'
import { pipelinesOf } from '../pipelines-of.ts'
import { prepare } from '../prepare.ts'
import type { Worker } from '../worker.ts'
import { loadModule, moduleUrl } from './load-module.ts'
import type { FromThread, ToThread } from './messages.ts'
import type { ThreadData } from './module-options.ts'
import { packError } from './packed-error.ts'
import { arrived } from './travel.ts'

/** How often metrics go to the job, in milliseconds. */
const METRICS_MS = 200

/** What runs in a thread of a job: imports the module, connects, starts the workers of its pipelines, and does what the job says. */
async function work({ module, bootstrap, clientOptions, runOptions, pipelines, number, done }: ThreadData): Promise<void> {
  const url = moduleUrl('run(module)', module)
  const declared = pipelinesOf(await loadModule(url), url.pathname, pipelines)
  const client = await connect(bootstrap, clientOptions)
  try {
    const settings = readOptions({ ...runOptions, client })
    const { instanceId } = settings
    const running = prepare({ ...settings, instanceId: `${instanceId}-${number}` }, declared, { sources: number === 1 })
    const workers = running.flatMap(workersOf)
    const own = [...workers.keys()].filter((place) => !done.includes(place))
    await start(own.map((place) => workers[place]!))
    tell(running)
    say({
      kind: 'started',
      pipelines: running.map(({ name, reads, writes, first, behind }) => ({
        name,
        reads,
        writes,
        first: first.length,
        behind: behind.length,
      })),
    })
    parentPort!.on('message', (message: ToThread) => obey(workers, message))
    await follow(running, workers, own)
  } finally {
    await client.close()
  }
}

async function start(workers: readonly Worker[]): Promise<void> {
  const started = await Promise.allSettled(workers.map((worker) => worker.start()))
  const failed = started.find((one) => one.status === 'rejected')
  if (failed === undefined) return
  const begun = workers.filter((_, i) => started[i]!.status === 'fulfilled')
  for (const worker of begun) worker.stop()
  await Promise.allSettled(begun.map((worker) => worker.done))
  throw failed.reason
}

function obey(workers: readonly Worker[], message: ToThread): void {
  const worker = workers[message.worker]!
  if (message.kind === 'drain') worker.drain()
  else worker.stop(message.options)
}

/** Until all workers have ended. When one fails the others finish their epochs, and nothing of them is told as done. */
async function follow(running: readonly RunningPipeline[], workers: readonly Worker[], own: readonly number[]): Promise<void> {
  const timer = setInterval(() => tell(running), METRICS_MS)
  let failed = false
  const ends = own.map(async (place) => {
    try {
      await workers[place]!.done
    } catch (error) {
      failed = true
      for (const worker of workers) worker.stop()
      throw error
    }
    tell(running)
    if (!failed) say({ kind: 'done', worker: place })
  })
  const settled = await Promise.allSettled(ends)
  clearInterval(timer)
  tell(running)
  const failure = settled.find((end) => end.status === 'rejected')
  if (failure !== undefined) throw failure.reason
}

function tell(running: readonly RunningPipeline[]): void {
  say({ kind: 'metrics', metrics: running.map(({ snapshot }) => snapshot()) })
}

function say(message: FromThread): void {
  parentPort!.postMessage(message)
}

try {
  await work(arrived(workerData as ThreadData))
  say({ kind: 'finished' })
} catch (error) {
  say({ kind: 'failed', error: packError(error) })
}
parentPort!.close()
