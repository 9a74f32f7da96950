declare const brand: unique symbol;
type Branded<Name extends string> = number & { readonly [brand]: Name };

/** A file descriptor of the kernel that handed it out; it means nothing to another one. */
export type Fd = Branded<'Fd'>;
/** Kernel-wide ids. They grow, and an object keeps its id as long as anything holds it. */
export type MapId = Branded<'MapId'>;
export type ProgId = Branded<'ProgId'>;
export type BtfId = Branded<'BtfId'>;
export type LinkId = Branded<'LinkId'>;
