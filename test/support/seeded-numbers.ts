export { seededNumbers } from '../../core/base/seeded-numbers.ts'
