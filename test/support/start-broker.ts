import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { ExecutionContext } from 'ava'

import { Broker } from '../../core/broker/broker.ts'
import type { BrokerOptions } from '../../core/broker/broker.ts'

/** A directory that goes when the test does. */
export async function tempDir(t: ExecutionContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'moldau-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  return dir
}

/**
 * A broker on a free port, in a temporary directory unless one is given; both are gone when the test ends.
 * It does not wait for the disk (durability page-cache) unless told to.
 */
export async function startBroker(t: ExecutionContext, options: Partial<BrokerOptions> = {}): Promise<Broker> {
  const dir = options.dir ?? (await tempDir(t))
  const broker = await Broker.start({ ...options, dir, config: { durability: 'page-cache', ...options.config } })
  t.teardown(() => broker.close())
  return broker
}
