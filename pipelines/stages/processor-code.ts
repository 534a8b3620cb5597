import { milliseconds } from '../duration.ts'
import { invalid } from '../failure.ts'
import type { Processor, ProcessorDeclaration, ProcessorOptions, Punctuation } from '../processor.ts'
import type { StoreDeclarations } from '../state/declared/store-declaration.ts'
import type { TaskContext } from './task-context.ts'

/** What a processor does in one task; whatever it returns goes on. */
export interface ProcessorCode {
  process(item: unknown): unknown
  punctuate(timer: number, time: number): unknown
  close(): void
}

export interface TimerSpec {
  readonly time: 'event' | 'wall'
  readonly everyMs: number
}

/** A processor of either form. */
export interface DeclaredProcessor {
  readonly name: string | undefined
  readonly stores: StoreDeclarations
  readonly timers: readonly TimerSpec[]
  /** What it does in a task that begins, or that begins again after an epoch has failed. */
  readonly begin: (context: TaskContext) => ProcessorCode
}

type AnyProcessor = Processor<unknown, unknown, StoreDeclarations>
type AnyDeclaration = ProcessorDeclaration<unknown, StoreDeclarations, unknown, unknown>

/**
 * @param pipeline for messages
 * @throws PIPELINE_INVALID when an interval is none
 */
export function declaredProcessor(pipeline: string, given: object, options: object): DeclaredProcessor {
  if (typeof given === 'function') {
    const supplier = given as () => AnyProcessor
    return { ...described(pipeline, options as ProcessorOptions<StoreDeclarations>), begin: (context) => instance(supplier(), context) }
  }
  const declaration = given as AnyDeclaration
  return { ...described(pipeline, declaration), begin: (context) => literal(declaration, context) }
}

function instance(processor: AnyProcessor, context: TaskContext): ProcessorCode {
  processor.init?.(context)
  return {
    process: (item) => processor.process(item),
    punctuate: (timer, time) => processor.punctuate?.(time, timer),
    close: () => processor.close?.(),
  }
}

function literal(declaration: AnyDeclaration, context: TaskContext): ProcessorCode {
  const timers = listOf(declaration.punctuate)
  declaration.init?.(context)
  return {
    process: (item) => declaration.process(item, context),
    punctuate: (timer, time) => timers[timer]!.run(time, context),
    close: () => declaration.close?.(),
  }
}

function described(pipeline: string, options: ProcessorOptions<StoreDeclarations>): Omit<DeclaredProcessor, 'begin'> {
  const timers = listOf(options.punctuate).map(({ every, time = 'event' }: Punctuation, i): TimerSpec => {
    if (time !== 'event' && time !== 'wall') throw invalid(pipeline, `punctuate, time: is 'event' or 'wall', not '${String(time)}'`)
    const everyMs = milliseconds(every, `pipeline "${pipeline}", punctuate ${i + 1}, every`)
    if (everyMs === 0) throw invalid(pipeline, 'punctuate, every: must be at least one millisecond')
    return { time, everyMs }
  })
  return { name: options.name, stores: options.stores ?? {}, timers }
}

function listOf<P>(punctuate: P | readonly P[] | undefined): readonly P[] {
  if (punctuate === undefined) return []
  return Array.isArray(punctuate) ? (punctuate as readonly P[]) : [punctuate as P]
}
