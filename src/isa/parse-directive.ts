/** What clang -S writes about symbols and lines; no instruction comes of it. */
const WITHOUT_EFFECT =
  /^(?:globl|global|local|weak|hidden|internal|protected|type|size|p2align|balign|file|loc|ident|addrsig|addrsig_sym|cfi_\w+)$/;
const DIRECTIVE = /^\s*\.(\w+)(?:\s+(\S.*))?$/;
/** The flags of a section: the first quoted text. */
const FLAGS = /^[^",]+,\s*"([^"]*)"/;

/**
 * What an assembler's directive means for the lines that follow: `code` and `data` start a section that is executed or not, `none` changes nothing.
 * `undefined`: the line is no directive, or one that would put something into the code.
 */
export function directiveOf(line: string): 'code' | 'data' | 'none' | undefined {
  const [, name = '', operands = ''] = DIRECTIVE.exec(line) ?? [];
  switch (name) {
    case 'text':
      return 'code';
    case 'data':
    case 'bss':
      return 'data';
    case 'section': {
      const flags = FLAGS.exec(operands)?.[1];
      return flags === undefined || flags.includes('x') ? 'code' : 'data';
    }
    default:
      return WITHOUT_EFFECT.test(name) ? 'none' : undefined;
  }
}
