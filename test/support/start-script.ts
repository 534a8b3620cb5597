import { type ChildProcess, spawn } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * What processes of ours need in their environment to find what those before them have compiled: most of what a short life costs is its start. Who
 * is to be killed flushes its cache before.
 */
export const compileCache = { NODE_COMPILE_CACHE: join(tmpdir(), 'node-compile-cache') }

/** A process of ours that is told what to do as JSON. */
export const startScript = (script: string, options: object): ChildProcess =>
  spawn(process.execPath, ['--conditions=moldau-source', join(import.meta.dirname, script), JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...compileCache },
  })
