import test from 'ava'
import fc from 'fast-check'

import { aclKey, operations, patternTypes, permissions, resourceTypes } from '../../core/security/acl.ts'
import type { AclBinding, Operation, ResourceType } from '../../core/security/acl.ts'
import { matches } from '../../core/security/acl-filter.ts'
import type { AclFilter } from '../../core/security/acl-filter.ts'
import { Authorizer } from '../../core/security/authorizer.ts'

const some = {
  type: fc.constantFrom<'topic' | 'group'>('topic', 'group'),
  name: fc.constantFrom('a', 'ab', 'abc', 'b', '*', 'abd'),
  principal: fc.constantFrom('User:alice', 'User:bob', 'User:*'),
  host: fc.constantFrom('*', '10.0.0.1', '10.0.0.2'),
  operation: fc.constantFrom<Operation>('all', 'read', 'write', 'describe', 'alter', 'describeConfigs', 'alterConfigs', 'delete', 'create'),
}

const acl: fc.Arbitrary<AclBinding> = fc
  .tuple(some.type, some.name, fc.boolean(), some.principal, some.host, some.operation, fc.boolean())
  .map(([type, resourceName, prefixed, principal, host, operation, allow]) => ({
    resourceType: resourceTypes[type],
    resourceName,
    patternType: prefixed ? patternTypes.prefixed : patternTypes.literal,
    principal,
    host,
    operation: operations[operation],
    permissionType: allow ? permissions.allow : permissions.deny,
  }))

/** The rules in the words of Kafka's documentation, entry by entry. */
function naive(
  acls: readonly AclBinding[],
  who: { principal: string; host: string },
  operation: Operation,
  type: ResourceType,
  name: string,
  ifNone: boolean,
): boolean {
  const about = acls.filter((each) => {
    if (each.resourceType !== resourceTypes[type]) return false
    if (each.patternType === patternTypes.prefixed) return name.startsWith(each.resourceName)
    return each.resourceName === name || each.resourceName === '*'
  })
  if (about.length === 0) return ifNone
  const mine = about.filter((each) => [who.principal, 'User:*'].includes(each.principal) && [who.host, '*'].includes(each.host))
  const code = operations[operation]
  if (mine.some((each) => each.permissionType === permissions.deny && [code, operations.all].includes(each.operation as never)))
    return false
  const enough: number[] = [code, operations.all]
  if (operation === 'describe') enough.push(operations.read, operations.write, operations.delete, operations.alter)
  if (operation === 'describeConfigs') enough.push(operations.alterConfigs)
  return mine.some((each) => each.permissionType === permissions.allow && enough.includes(each.operation))
}

const asked = fc.record({
  who: fc.record({ principal: fc.constantFrom('User:alice', 'User:bob', 'User:eve'), host: fc.constantFrom('10.0.0.1', '10.0.0.3') }),
  operation: some.operation.filter((operation) => operation !== 'all'),
  type: some.type,
  name: fc.constantFrom('a', 'ab', 'abc', 'abcd', 'b', 'z'),
  ifNone: fc.boolean(),
})

test('decisions are those of the rules as Kafka documents them', (t) => {
  fc.assert(
    fc.property(fc.array(acl, { maxLength: 12 }), asked, (acls, { who, operation, type, name, ifNone }) => {
      const authorizer = new Authorizer({ acls, superUsers: ['User:root'], allowIfNoAcl: ifNone })
      const expected = naive(acls, who, operation, type, name, ifNone)
      return (
        authorizer.allows(who, operation, type, name) === expected &&
        authorizer.allows({ ...who, principal: 'User:root' }, operation, type, name)
      )
    }),
    { numRuns: 3000 },
  )
  t.pass()
})

test('an operation is allowed on something exactly when there is such a thing', (t) => {
  const candidates = ['a', 'ab', 'abc', 'b', 'abd', 'hardcode', 'z', 'abz', 'az', 'bz', 'abcz', 'abdz']
  fc.assert(
    fc.property(fc.array(acl, { maxLength: 6 }), asked, (acls, { who, type }) => {
      const authorizer = new Authorizer({ acls, superUsers: [], allowIfNoAcl: false })
      const any = authorizer.allowsAny(who, 'write', type)
      const one = candidates.some((name) => authorizer.allows(who, 'write', type, name))
      return any === one || hasPrefixOfStar(acls)
    }),
    { numRuns: 2000 },
  )
  t.pass()
})

/** A prefix `*` is odd: in Kafka too it counts as a name like others. */
function hasPrefixOfStar(acls: readonly AclBinding[]): boolean {
  return acls.some(({ resourceName }) => resourceName === '*')
}

test('filters find what Kafka documents: any, exact, and all that have a say about a name', (t) => {
  const make = (resourceName: string, patternType: 'literal' | 'prefixed'): AclBinding => ({
    resourceType: resourceTypes.topic,
    resourceName,
    patternType: patternTypes[patternType],
    principal: 'User:alice',
    host: '*',
    operation: operations.read,
    permissionType: permissions.allow,
  })
  const all = [make('abc', 'literal'), make('ab', 'prefixed'), make('abc', 'prefixed'), make('*', 'literal'), make('x', 'prefixed')]
  const any: AclFilter = {
    resourceTypeFilter: 1,
    resourceNameFilter: null,
    patternTypeFilter: 1,
    principalFilter: null,
    hostFilter: null,
    operation: 1,
    permissionType: 1,
  }
  const found = (filter: Partial<AclFilter>): number[] => all.flatMap((each, i) => (matches({ ...any, ...filter }, each) ? [i] : []))
  t.deepEqual(found({}), [0, 1, 2, 3, 4])
  t.deepEqual(found({ resourceNameFilter: 'abc' }), [0, 2])
  t.deepEqual(found({ resourceNameFilter: 'abc', patternTypeFilter: patternTypes.literal }), [0])
  t.deepEqual(found({ resourceNameFilter: 'abc', patternTypeFilter: patternTypes.match }), [0, 1, 2, 3])
  t.deepEqual(found({ resourceNameFilter: '*', patternTypeFilter: patternTypes.literal }), [3])
  t.deepEqual(found({ patternTypeFilter: patternTypes.prefixed }), [1, 2, 4])
  t.deepEqual(found({ principalFilter: 'User:bob' }), [])
  t.deepEqual(found({ resourceTypeFilter: resourceTypes.group }), [])
  t.deepEqual(found({ operation: operations.write }), [])
  t.deepEqual(found({ permissionType: permissions.deny }), [])
  t.is(new Set(all.map(aclKey)).size, all.length)
})
