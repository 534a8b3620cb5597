import type { SessionWindows } from '../windows.ts'
import type { CountWindows } from './count.ts'
import type { FixedWindows } from './places.ts'
import type { SlidingWindows } from './sliding.ts'

/** Windows that a record leaves where they are. */
export type PlainWindows = FixedWindows | SlidingWindows | CountWindows

/** Windows of every kind. */
export type AnyWindows = PlainWindows | SessionWindows
