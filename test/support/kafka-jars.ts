import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Kept between runs: jars do not change. */
const cache = join(tmpdir(), 'moldau-compat')

/**
 * The path of a jar, fetched from Maven Central by `mvn` unless it is in the cache below the system's temporary folder.
 *
 * @param artifact for example 'kafka-clients'
 * @throws Error when there is neither
 */
export async function mavenJar(group: string, artifact: string, version: string): Promise<string> {
  const jar = join(cache, `${artifact}-${version}.jar`)
  if (existsSync(jar)) return jar
  // Into a folder of our own first, so that a second process never sees half a jar.
  await mkdir(cache, { recursive: true })
  const fresh = await mkdtemp(join(cache, 'fetch-'))
  try {
    const coordinates = `-Dartifact=${group}:${artifact}:${version}`
    await run('mvn', ['-q', '-B', 'dependency:copy', coordinates, `-DoutputDirectory=${fresh}`], { timeout: 300_000 })
    await rename(join(fresh, `${artifact}-${version}.jar`), jar)
  } finally {
    await rm(fresh, { recursive: true, force: true })
  }
  return jar
}

/** A jar of Kafka: see {@link mavenJar}. */
export function kafkaJar(artifact: string, version: string): Promise<string> {
  return mavenJar('org.apache.kafka', artifact, version)
}

/** Group, name and version. */
export type Artifact = readonly [group: string, artifact: string, version: string]

/**
 * A folder with jars and all that they need, fetched from Maven Central by `mvn` unless it is in the cache.
 *
 * @param name of the folder: others for other jars and versions
 * @throws Error when there is neither
 */
export async function mavenJars(name: string, artifacts: readonly Artifact[]): Promise<string> {
  const folder = join(cache, name)
  if (existsSync(folder)) return folder
  await mkdir(cache, { recursive: true })
  const fresh = await mkdtemp(join(cache, 'fetch-'))
  try {
    const dependencies = artifacts.map(
      ([group, artifact, version]) =>
        `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`,
    )
    const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>moldau</groupId>
<artifactId>old</artifactId><version>1</version><dependencies>${dependencies.join('')}</dependencies></project>`
    await writeFile(join(fresh, 'pom.xml'), pom)
    const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime', '-DoutputDirectory=libs']
    await run('mvn', ['-q', '-B', '-f', join(fresh, 'pom.xml'), ...goal], { timeout: 600_000 })
    await rename(join(fresh, 'libs'), folder)
  } finally {
    await rm(fresh, { recursive: true, force: true })
  }
  return folder
}

/** A folder with a jar of Kafka and all that it needs: see {@link mavenJars}. */
export function kafkaJars(artifact: string, version: string): Promise<string> {
  return mavenJars(`${artifact}-${version}`, [['org.apache.kafka', artifact, version]])
}

/** The texts of all files in a jar whose names match a pattern of unzip, by name without folders and extension. */
export async function readJar(jar: string, pattern: string): Promise<Map<string, string>> {
  const folder = await mkdtemp(join(cache, 'unzip-'))
  try {
    await run('unzip', ['-q', '-j', jar, pattern, '-d', folder])
    const names = await readdir(folder)
    const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))
    return new Map(names.map((name, i) => [name.replace(/\.[^.]*$/, ''), texts[i]!]))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
