import test from 'ava'
import { MoldauError } from '../../core/base/errors.ts'
import { errorCode, errorName, isRetriable, kafkaError, kafkaErrors } from '../../core/protocol/errors.ts'

test('the errors of the protocol are numbered from -1 to 133 without a gap', (t) => {
  t.deepEqual(
    kafkaErrors.map((error) => error.code),
    Array.from({ length: 135 }, (_, i) => i - 1),
  )
  t.is(new Set(kafkaErrors.map((error) => error.name)).size, 135)
})

test('names and numbers lead to each other', (t) => {
  for (const { code, name, retriable } of kafkaErrors) {
    t.is(errorCode(name), code)
    t.is(errorName(code), name)
    t.is(isRetriable(code), retriable)
  }
})

test('a number that we do not know is an unknown server error, which is not retriable', (t) => {
  t.is(errorName(999), 'UNKNOWN_SERVER_ERROR')
  t.false(isRetriable(999))
})

test('an exception of the protocol says its name, its meaning and the thing it is about', (t) => {
  const error = kafkaError('NOT_LEADER_OR_FOLLOWER', 'orders-3')
  t.true(error instanceof MoldauError)
  t.is(error.code, 'PROTOCOL')
  t.is(error.kafkaCode, 'NOT_LEADER_OR_FOLLOWER')
  t.true(error.retriable)
  t.is(error.message, 'NOT_LEADER_OR_FOLLOWER: this broker does not lead the partition, or has no replica of it (orders-3)')
  t.false(kafkaError('PRODUCER_FENCED').retriable)
})
