export type { LinkInput } from './input.ts';
export { linkObjects } from './link.ts';
