import type { Client } from '../../core/client/client.ts'
import type { ClientOptions } from '../../core/client/client-options.ts'
import { MoldauError } from '../../core/base/errors.ts'
import { readOptions, type RunOptions, type Settings } from '../options.ts'
import { checkTravels } from './travel.ts'

/**
 * What becomes of a job when a thread fails or dies: `replace-thread` starts another one in its place, which goes on with the same tasks;
 * `shutdown-client` ends this job with the error, and other processes go on with its tasks. Kafka Streams' StreamThreadExceptionResponse.
 */
export type ThreadFailureAction = 'replace-thread' | 'shutdown-client'

export type UncaughtExceptionHandler = ThreadFailureAction | ((error: Error, thread: number) => ThreadFailureAction)

/** How the pipelines of a module are run in threads: as {@link RunOptions}, of which only what can be copied goes to them. */
export interface ModuleRunOptions extends Omit<RunOptions, 'client' | 'onError' | 'clock' | 'random' | 'logger'> {
  /** Addresses of the cluster: `kafka-1:9092`, a list of them, or a Broker's `bootstrap`. */
  bootstrap: string | readonly string[]
  /** How the client of each thread connects: TLS, log-in, time-outs. Nothing but data. */
  clientOptions?: ClientOptions
  /** How many worker threads; default 1. `num.stream.threads`. There is work for as many as there are tasks. */
  threads?: number
  /** Names of the pipelines that are run; default: all that the module exports. */
  pipelines?: readonly string[]
  /** As in {@link RunOptions.onError}; a function does not go to other threads: give it to `pipeline(name, { onError })` in the module. */
  onError?: 'fail' | 'skip' | 'dead-letter'
  /**
   * What is done when a thread fails, or dies; default 'shutdown-client', as in Kafka Streams. A function is called in this thread, with the number of
   * the one that failed, from 1 on. A thread that fails again and again is replaced after growing pauses, of up to 10 s; one that was fenced
   * is not replaced, for it would fence the other in its turn.
   */
  uncaughtExceptionHandler?: UncaughtExceptionHandler
}

/** What a thread is given. All of it can be copied. */
export interface ThreadData {
  /** Tells that this thread is one of a job's. */
  readonly kind: typeof THREAD_KIND
  readonly module: string
  readonly bootstrap: string | readonly string[]
  readonly clientOptions: ClientOptions
  readonly runOptions: Omit<RunOptions, 'client'>
  readonly pipelines: readonly string[] | undefined
  /** From 1 on. */
  readonly number: number
  /** Places of workers that have done their work in a thread before this one. */
  readonly done: readonly number[]
}

export const THREAD_KIND = 'moldau-job-thread'

export interface ModuleSettings extends Pick<ThreadData, 'bootstrap' | 'clientOptions' | 'runOptions' | 'pipelines'> {
  readonly threads: number
  readonly handler: UncaughtExceptionHandler
  /** As the threads will read them. */
  readonly settings: Omit<Settings, 'client'>
}

const THREADS_MAX = 1024
const actions = new Set<unknown>(['replace-thread', 'shutdown-client'] satisfies ThreadFailureAction[])
const remedies: Readonly<Record<string, string>> = {
  client: "Each thread has a client of its own: give bootstrap: 'host:port', and what else it needs as clientOptions",
  bootstrap: "Give an address, 'host:port': of a Broker in this process its bootstrap, for which it needs a port",
  onError: 'Declare it in the module: pipeline(name, { onError })',
}

/** @throws INVALID_CONFIG naming the option, and what to do when it cannot go to other threads */
export function readModuleOptions(options: ModuleRunOptions): ModuleSettings {
  const {
    bootstrap,
    clientOptions = {},
    threads = 1,
    pipelines,
    uncaughtExceptionHandler: handler = 'shutdown-client',
    ...runOptions
  } = options
  if ('client' in runOptions)
    throw new MoldauError('INVALID_CONFIG', `run: option 'client' does not go to other threads. ${remedies['client']}`)
  if (bootstrap === undefined) throw wrong('bootstrap', "is missing: the addresses of the cluster, for example 'kafka-1:9092'")
  if (!Number.isSafeInteger(threads) || threads < 1 || threads > THREADS_MAX) {
    throw wrong('threads', `must be a whole number from 1 to ${THREADS_MAX}, not ${String(threads)}`)
  }
  if (
    pipelines !== undefined &&
    (!Array.isArray(pipelines) || pipelines.length === 0 || pipelines.some((name) => typeof name !== 'string'))
  ) {
    throw wrong('pipelines', 'is a list of names of pipelines')
  }
  if (typeof handler !== 'function' && !actions.has(handler)) {
    throw wrong('uncaughtExceptionHandler', `is 'replace-thread', 'shutdown-client' or a function, not '${String(handler)}'`)
  }
  for (const [name, value] of Object.entries({ bootstrap, clientOptions, ...runOptions })) {
    checkTravels(
      `run: option '${name}'`,
      value,
      remedies[name] ?? 'Leave it out, or run the pipelines in this thread: run([…], { client })',
    )
  }
  // Read here too, so that a wrong one is told before any thread starts; the client is the threads' own.
  const settings = readOptions({ ...runOptions, client: undefined as unknown as Client })
  return { bootstrap, clientOptions, runOptions, pipelines, threads, handler, settings }
}

function wrong(name: string, what: string): MoldauError {
  return new MoldauError('INVALID_CONFIG', `run: option '${name}' ${what}`)
}
