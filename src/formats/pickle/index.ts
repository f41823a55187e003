export { asBytes, asCount, asItems, asPairs, asText, asTextMap, classOf, globalOf, isGlobal } from './access.ts';
export { TruncatedPickleError } from './cursor.ts';
export { MAX_NODES, type NodeCount } from './machine.ts';
export { MAX_PICKLE_BYTES, readPickleAt } from './read-from-source.ts';
export { type PickleResult, type ReadPickleOptions, readPickle } from './read-pickle.ts';
export {
  asNode,
  type PickleDict,
  type PickleGlobal,
  type PickleNode,
  type PickleObject,
  type PicklePair,
  type PicklePersistent,
  type PickleSequence,
  type PickleValue,
} from './value.ts';
