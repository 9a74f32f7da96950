export { generateTypes } from './types.ts';
