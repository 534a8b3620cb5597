import type { Constants } from './constants.ts'
import { bodyFields, leastBytes, taggedFields } from './layout.ts'
import type { FieldSchema, Message, NamedField } from './schema.ts'
import { includes } from './versions.ts'

/** Writes the source of `decode(r)`: one function for each struct, one local variable for each field, one object literal at the end. */
export function decoderSource(message: Message, version: number, constants: Constants): string {
  return new DecoderSource(version, includes(message.flexible, version), constants).source(message)
}

class DecoderSource {
  readonly #version: number
  readonly #flexible: boolean
  readonly #constants: Constants
  readonly #functions: string[]

  constructor(version: number, flexible: boolean, constants: Constants) {
    this.#version = version
    this.#flexible = flexible
    this.#constants = constants
    this.#functions = []
  }

  source(message: Message): string {
    this.#struct('decode', message.fields)
    return this.#functions.join('\n')
  }

  #struct(name: string, fields: readonly NamedField[]): void {
    const body = bodyFields(fields, this.#version)
    const tagged = taggedFields(fields, this.#version)
    const lines = [`function ${name}(r) {`]
    for (const field of body) lines.push(...this.#read(field, `const $${field.name} =`, `${name}_${field.name}`))
    for (const field of tagged) lines.push(`  let $${field.name} = ${this.#constants.expression(field)}`)
    if (tagged.length > 0) lines.push(...this.#trailer(name, tagged))
    else if (this.#flexible) lines.push('  skipTags(r)')
    const present = new Set([...body, ...tagged])
    const values = fields.map((field) => `${field.name}: ${present.has(field) ? `$${field.name}` : this.#constants.expression(field)}`)
    lines.push(`  return { ${values.join(', ')} }`, '}')
    this.#functions.push(lines.join('\n'))
  }

  #trailer(name: string, tagged: readonly NamedField[]): string[] {
    const lines = ['  for (let left = r.uvarint(); left > 0; left--) {', '    switch (r.uvarint()) {']
    for (const field of tagged) {
      lines.push(`    case ${field.tag}: {`, '  const outer = enterTag(r)')
      lines.push(...this.#read(field, `$${field.name} =`, `${name}_${field.name}`))
      lines.push('  leaveTag(r, outer)', '  break', '    }')
    }
    return [...lines, '    default: skip(r, r.uvarint())', '    }', '  }']
  }

  /** Lines that read one field into `target`, which ends in an equals sign. */
  #read(field: FieldSchema, target: string, name: string): string[] {
    if (field.kind !== 'array') return [`  ${target} ${this.#value(field, name)}`]
    const element = field.element!
    const nullable = includes(field.nullable, this.#version)
    const least = leastBytes(element, this.#version, this.#flexible)
    const count = `read${this.#flexible ? 'Compact' : ''}${nullable ? 'Nullable' : ''}Count(r, ${least})`
    const fill = [`function ${name}(r) {`, `  const count = ${count}`]
    if (nullable) fill.push('  if (count < 0) return null')
    fill.push(
      '  const list = []',
      `  for (let i = 0; i < count; i++) list.push(${this.#value(element, `${name}_element`)})`,
      '  return list',
      '}',
    )
    this.#functions.push(fill.join('\n'))
    return [`  ${target} ${name}(r)`]
  }

  #value(field: FieldSchema, name: string): string {
    const prefix = `read${this.#flexible ? 'Compact' : ''}${includes(field.nullable, this.#version) ? 'Nullable' : ''}`
    switch (field.kind) {
      case 'string':
        return `${prefix}String(r)`
      case 'bytes':
      case 'records':
        return `${prefix}Bytes(r)`
      case 'struct':
        this.#struct(name, field.fields)
        if (!includes(field.nullable, this.#version)) return `${name}(r)`
        return `read${includes(field.tagged, this.#version) ? 'Tagged' : ''}Presence(r) ? ${name}(r) : null`
      default:
        return `r.${field.kind}()`
    }
  }
}
