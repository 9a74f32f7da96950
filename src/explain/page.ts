/** Where a code is described, in the repository. */
export function pageOf(code: string): string {
  return `docs/verifier/${code}.md`;
}
