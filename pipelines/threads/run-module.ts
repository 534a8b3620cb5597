import { basename } from 'node:path'
import { workerData } from 'node:worker_threads'
import { systemClock } from '../../core/base/clock.ts'
import { MoldauError } from '../../core/base/errors.ts'
import { type Job, RunningJob, type RunningPipeline } from '../job.ts'
import { mergeMetrics } from '../merged-metrics.ts'
import { moduleUrl } from './load-module.ts'
import { type ModuleRunOptions, readModuleOptions, THREAD_KIND, type ThreadData } from './module-options.ts'
import { Seat } from './seat.ts'

/** What {@link run} does when it is given a module. */
export async function runModule(module: string | URL, options: ModuleRunOptions): Promise<Job> {
  const url = moduleUrl('run(module)', module)
  if ((workerData as Partial<ThreadData> | null)?.kind === THREAD_KIND) {
    throw new MoldauError(
      'INVALID_ARGUMENT',
      `run(${basename(url.pathname)}) was called in one of a job's own threads, which import that module: declare the pipelines in one file, and call run in another`,
    )
  }
  const { bootstrap, clientOptions, runOptions, pipelines, threads, handler } = readModuleOptions(options)
  const seats = Array.from({ length: threads }, (_, i) => {
    const number = i + 1
    const data = { kind: THREAD_KIND, module: url.href, bootstrap, clientOptions, runOptions, pipelines, number } as const
    return new Seat({ data, name: `moldau ${basename(url.pathname)} ${number}`, clock: systemClock, handler })
  })
  const started = await Promise.allSettled(seats.map((seat) => seat.start()))
  const failed = started.find((start) => start.status === 'rejected')
  if (failed !== undefined) {
    for (const worker of seats.flatMap((seat) => seat.workers)) worker.stop()
    await Promise.all(seats.map((seat) => seat.released))
    throw failed.reason
  }
  return new RunningJob(gathered(seats), {
    clock: systemClock,
    release: async () => void (await Promise.all(seats.map((seat) => seat.released))),
  })
}

/** Each pipeline with its workers in all threads. */
function gathered(seats: readonly Seat[]): RunningPipeline[] {
  return seats[0]!.pipelines.map(({ name, reads, writes }, i) => {
    const shares = seats.map(({ pipelines, workers }) => {
      const from = pipelines.slice(0, i).reduce((sum, { first, behind }) => sum + first + behind, 0)
      const { first, behind } = pipelines[i]!
      return { first: workers.slice(from, from + first), behind: workers.slice(from + first, from + first + behind) }
    })
    return {
      name,
      reads,
      writes,
      first: shares.flatMap(({ first }) => first),
      behind: shares.flatMap(({ behind }) => behind),
      snapshot: () => mergeMetrics(seats.flatMap((seat) => seat.metricsOf(name))),
    }
  })
}
