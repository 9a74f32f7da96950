import type { Skeleton, SkeletonMap } from './skeleton-model.ts';

/** Lines that skeletons and subskeletons have in common. */

/** `suffix`: `SKEL` or `SUBSKEL`. */
export function headerText(skeleton: Skeleton, suffix: string, made: string, body: readonly string[]): string {
  const { spec } = skeleton;
  const file = spec.file.slice(spec.file.lastIndexOf('/') + 1).replace(/[^\w.-]+/g, '_');
  const guard = `__${skeleton.name.toUpperCase()}_${suffix}_H__`;
  return [
    `/* Made by skep gen ${made} from ${file} (SHA-1 ${spec.sha1}). Make it again when the object changes. */`,
    `#ifndef ${guard}`,
    `#define ${guard}`,
    '',
    '#include <errno.h>',
    '#include <stdlib.h>',
    '#include <bpf/libbpf.h>',
    '',
    ...body,
    '',
    `#endif /* ${guard} */`,
    '',
  ].join('\n');
}

/** `struct { TYPE *a; … } NAME;`; nothing if it would be empty. */
export function pointers(type: string, name: string, members: readonly { readonly ident: string }[]): string[] {
  if (members.length === 0) return [];
  return ['\tstruct {', ...members.map(({ ident }) => `\t\t${type} *${ident};`), `\t} ${name};`];
}

export function structOpsMembers(maps: readonly SkeletonMap[]): string[] {
  const shadows = maps.flatMap(({ ident, structOps }) =>
    structOps === undefined
      ? []
      : [`\t\tstruct ${structOps.name} {`, ...structOps.members.map((m) => `\t\t\t${m};`), `\t\t} *${ident};`],
  );
  return shadows.length === 0 ? [] : ['\tstruct {', ...shadows, '\t} struct_ops;'];
}

/** Finds where the values of struct_ops maps are, once the object is open. */
export function structOpsPointers(maps: readonly SkeletonMap[]): string[] {
  return maps.flatMap(({ ident, structOps }) => {
    if (structOps === undefined) return [];
    return [
      `\tobj->struct_ops.${ident} =`,
      `\t\t(__typeof__(obj->struct_ops.${ident}))bpf_map__initial_value(obj->maps.${ident}, NULL);`,
    ];
  });
}

/** Of a map's table entry, what only one of the two kinds of skeleton has. */
export type MapRow = (map: SkeletonMap) => { readonly name: string; readonly more: readonly string[] };

/** Tells libbpf which maps and programs to look for and where to put them. `attach`: there are links, too. */
export function tables(skeleton: Skeleton, row: MapRow, attach: boolean): string[] {
  return [...mapTable(skeleton.maps, row, attach), ...programTable(skeleton, attach)];
}

function mapTable(maps: readonly SkeletonMap[], row: MapRow, attach: boolean): string[] {
  if (maps.length === 0) return [];
  // A libbpf before 1.5 steps through entries of three pointers, whatever it is told; the fourth is only for struct_ops.
  const size = attach && maps.some(({ structOps }) => structOps !== undefined) ? 'sizeof(*map)' : '3 * sizeof(void *)';
  return [
    '',
    `\ts->map_cnt = ${maps.length};`,
    `\ts->map_skel_sz = ${size};`,
    '\ts->maps = (struct bpf_map_skeleton *)calloc(s->map_cnt, sizeof(*map));',
    '\tif (!s->maps)',
    '\t\tgoto failed;',
    ...maps.flatMap((map, i) => {
      const { name, more } = row(map);
      return [
        '',
        `\tmap = (struct bpf_map_skeleton *)((char *)s->maps + ${i} * s->map_skel_sz);`,
        `\tmap->name = "${name}";`,
        `\tmap->map = &obj->maps.${map.ident};`,
        ...more,
      ];
    }),
  ];
}

function programTable({ programs }: Skeleton, attach: boolean): string[] {
  if (programs.length === 0) return [];
  return [
    '',
    `\ts->prog_cnt = ${programs.length};`,
    '\ts->prog_skel_sz = sizeof(*s->progs);',
    '\ts->progs = (struct bpf_prog_skeleton *)calloc(s->prog_cnt, s->prog_skel_sz);',
    '\tif (!s->progs)',
    '\t\tgoto failed;',
    ...programs.flatMap(({ ident, name }, i) => [
      '',
      `\ts->progs[${i}].name = "${name}";`,
      `\ts->progs[${i}].prog = &obj->progs.${ident};`,
      ...(attach ? [`\ts->progs[${i}].link = &obj->links.${ident};`] : []),
    ]),
  ];
}
