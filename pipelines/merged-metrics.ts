import type { CallMetrics } from './calls/call-site.ts'
import type { BreakerState } from './calls/circuit-breaker.ts'
import type { PipelineMetrics } from './metrics.ts'

/** What the workers of one pipeline say, in several threads, as one: at least one of them. */
export function mergeMetrics(all: readonly PipelineMetrics[]): PipelineMetrics {
  const sum = (of: (one: PipelineMetrics) => number): number => all.reduce((total, one) => total + of(one), 0)
  const watermarks = all.map(({ watermark }) => watermark).filter((watermark) => watermark >= 0)
  const progress = all.find((one) => one.progress !== undefined)?.progress
  const calls = mergeCalls(all.flatMap((one) => one.calls ?? []))
  return {
    pipeline: all[0]!.pipeline,
    recordsIn: sum((one) => one.recordsIn),
    recordsOut: sum((one) => one.recordsOut),
    late: sum((one) => one.late),
    filtered: sum((one) => one.filtered),
    deadLettered: sum((one) => one.deadLettered),
    skipped: sum((one) => one.skipped),
    lost: sum((one) => one.lost),
    epochs: sum((one) => one.epochs),
    commits: sum((one) => one.commits),
    lag: sum((one) => one.lag),
    watermark: watermarks.length > 0 ? Math.min(...watermarks) : -1,
    rate: sum((one) => one.rate),
    restarts: sum((one) => one.restarts),
    tasks: sum((one) => one.tasks),
    standbyTasks: sum((one) => one.standbyTasks),
    standbyLag: sum((one) => one.standbyLag),
    restored: sum((one) => one.restored),
    ...(calls.length > 0 && { calls }),
    ...(progress !== undefined && { progress }),
  }
}

/** What is left of the metrics of workers that are gone: what they have counted. */
export function countsOf(last: PipelineMetrics): PipelineMetrics {
  const { progress: _, calls = [], ...counts } = last
  const left = calls.map(({ operator, retries, timeouts }) => ({ operator, running: 0, waiting: 0, retries, timeouts }))
  return { ...counts, lag: 0, watermark: -1, rate: 0, tasks: 0, standbyTasks: 0, standbyLag: 0, ...(left.length > 0 && { calls: left }) }
}

function mergeCalls(all: readonly CallMetrics[]): CallMetrics[] {
  return [...Map.groupBy(all, ({ operator }) => operator)].map(([operator, calls]) => {
    const sum = (of: (one: CallMetrics) => number): number => calls.reduce((total, one) => total + of(one), 0)
    const states = calls.flatMap(({ circuitBreaker }) => circuitBreaker ?? [])
    return {
      operator,
      running: sum((one) => one.running),
      waiting: sum((one) => one.waiting),
      retries: sum((one) => one.retries),
      timeouts: sum((one) => one.timeouts),
      ...(states.length > 0 && { circuitBreaker: worst(states) }),
    }
  })
}

const byGravity: readonly BreakerState[] = ['open', 'half-open', 'closed']

function worst(states: readonly BreakerState[]): BreakerState {
  return byGravity.find((state) => states.includes(state))!
}
