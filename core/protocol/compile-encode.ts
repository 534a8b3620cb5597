import type { Constants } from './constants.ts'
import { bodyFields, taggedFields } from './layout.ts'
import type { FieldSchema, Message, NamedField } from './schema.ts'
import { includes } from './versions.ts'

/** Writes the source of `encode(w, o)`: one function for each struct and array. */
export function encoderSource(message: Message, version: number, constants: Constants): string {
  return new EncoderSource(version, includes(message.flexible, version), constants).source(message)
}

class EncoderSource {
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
    this.#struct('encode', message.fields)
    return this.#functions.join('\n')
  }

  #struct(name: string, fields: readonly NamedField[]): void {
    const lines = [`function ${name}(w, o) {`]
    for (const field of fields) {
      if (includes(field.versions, this.#version) || field.ignorable) continue
      lines.push(`  const $${field.name} = o.${field.name}`)
      lines.push(`  if (${this.#differs(field, `$${field.name}`, `${name}_${field.name}`)}) refuseAbsent()`)
    }
    for (const field of bodyFields(fields, this.#version)) {
      lines.push(...this.#take(field), `  ${this.#write(field, `$${field.name}`, `${name}_${field.name}`)}`)
    }
    if (this.#flexible) lines.push(...this.#trailer(name, taggedFields(fields, this.#version)))
    this.#functions.push([...lines, '}'].join('\n'))
  }

  #take(field: NamedField): string[] {
    if (!field.optional) return [`  const $${field.name} = o.${field.name}`]
    return [
      `  let $${field.name} = o.${field.name}`,
      `  if ($${field.name} === undefined) $${field.name} = ${this.#constants.expression(field)}`,
    ]
  }

  #trailer(name: string, tagged: readonly NamedField[]): string[] {
    if (tagged.length === 0) return ['  w.uvarint(0)']
    const lines = ['  let tags = 0']
    for (const field of tagged) {
      lines.push(`  const $${field.name} = o.${field.name}`)
      lines.push(`  const has_${field.name} = ${this.#differs(field, `$${field.name}`, `${name}_${field.name}`)}`)
      lines.push(`  if (has_${field.name}) tags++`)
    }
    lines.push('  w.uvarint(tags)')
    for (const field of tagged) {
      lines.push(`  if (has_${field.name}) {`, '    const part = new Writer(64)')
      lines.push(
        `    ${this.#write(field, `$${field.name}`, `${name}_${field.name}`, 'part')}`,
        `    writeTag(w, ${field.tag}, part)`,
        '  }',
      )
    }
    return lines
  }

  /** A condition: the value is not what a reader assumes when the field is absent. */
  #differs(field: FieldSchema, value: string, name: string): string {
    const given = `${value} !== undefined && `
    if (field.default === null) return `${given}${value} !== null`
    switch (field.kind) {
      case 'array':
        return `${given}(${value} === null || ${value}.length !== 0)`
      case 'bytes':
        return `${given}(${value} === null || !${value}.equals(${this.#constants.expression(field)}))`
      case 'struct': {
        const inner = field.fields.map((part) => `(${this.#differs(part, `o.${part.name}`, `${name}_${part.name}`)})`)
        this.#functions.push(`function ${name}_differs(o) { return ${inner.join(' || ')} }`)
        return `${given}(${value} === null || ${name}_differs(${value}))`
      }
      default:
        return `${given}${value} !== ${this.#constants.expression(field)}`
    }
  }

  /** A statement that writes `value`. */
  #write(field: FieldSchema, value: string, name: string, w = 'w'): string {
    const nullable = includes(field.nullable, this.#version)
    const prefix = `write${this.#flexible ? 'Compact' : ''}${nullable ? 'Nullable' : ''}`
    switch (field.kind) {
      case 'string':
        return `${prefix}String(${w}, ${value})`
      case 'bytes':
        return `${prefix}Bytes(${w}, ${value})`
      case 'records':
        return `${prefix}Records(${w}, ${value})`
      case 'array':
        this.#array(field, nullable, name)
        return `${name}(${w}, ${value})`
      case 'struct':
        this.#struct(name, field.fields)
        if (!nullable) return `${name}(${w}, ${value})`
        return `if (${value} === null) ${w}.int8(${includes(field.tagged, this.#version) ? 0 : -1}); else { ${w}.int8(1); ${name}(${w}, ${value}) }`
      default:
        return `${w}.${field.kind}(${value})`
    }
  }

  #array(field: FieldSchema, nullable: boolean, name: string): void {
    const lines = [`function ${name}(w, list) {`]
    if (nullable) lines.push(`  if (list === null) return ${this.#flexible ? 'w.uvarint(0)' : 'w.int32(-1)'}`)
    lines.push(`  write${this.#flexible ? 'Compact' : ''}Count(w, list)`)
    lines.push(`  for (let i = 0; i < list.length; i++) ${this.#write(field.element!, 'list[i]', `${name}_element`)}`, '}')
    this.#functions.push(lines.join('\n'))
  }
}
