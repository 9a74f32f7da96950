export { generateSkeleton } from './skeleton.ts';
export type { SkeletonHeader, SkeletonOptions } from './skeleton-model.ts';
export { generateSubskeleton } from './subskeleton.ts';
export { generateTypes } from './types.ts';
