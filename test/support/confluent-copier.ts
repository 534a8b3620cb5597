import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

import { confluentKafka } from './confluent-kafka.ts'
import type { CopyingOptions } from './copying.ts'

/** Starts copiers that are written in Python with librdkafka, which speaks transactions v1. */
export async function confluentCopier(): Promise<(options: CopyingOptions) => ChildProcess> {
  const python = await confluentKafka()
  const script = fileURLToPath(new URL('confluent_copier.py', import.meta.url))
  return (options) =>
    spawn(python, [script, JSON.stringify(options)], {
      stdio: ['ignore', 'pipe', process.env['COPIER_LOG'] === undefined ? 'ignore' : 'inherit'],
    })
}
