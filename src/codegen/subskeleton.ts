import { ObjectError } from '../errors.ts';
import {
  readSkeleton,
  type Skeleton,
  type SkeletonHeader,
  type SkeletonMap,
  type SkeletonOptions,
} from './skeleton-model.ts';
import { headerText, pointers, structOpsMembers, structOpsPointers, tables } from './skeleton-text.ts';

/**
 * The C header of `gen subskeleton`: a struct with the maps, programs and globals of an object, which finds them in another object that this one was
 * linked into. It owns nothing. Names and signatures are those of bpftool's headers. Throws as {@link generateSkeleton}, and ObjectError for an
 * object without BTF, which says nothing of its globals.
 */
export function generateSubskeleton(bytes: Uint8Array, options: SkeletonOptions): SkeletonHeader {
  const skeleton = readSkeleton(bytes, options, true);
  const { name, spec } = skeleton;
  if (spec.btf === undefined)
    throw new ObjectError('a subskeleton needs types, and the object has no BTF; compile with -g', { file: spec.file });
  const text = headerText(skeleton, 'SUBSKEL', 'subskeleton', [
    ...struct(skeleton),
    '',
    `static inline void ${name}__destroy(struct ${name} *skel)`,
    '{',
    '\tif (skel) {',
    '\t\tif (skel->subskel)',
    '\t\t\tbpf_object__destroy_subskeleton(skel->subskel);',
    '\t\tfree(skel);',
    '\t}',
    '}',
    '',
    ...open(skeleton),
    '',
    '#ifdef __cplusplus',
    `struct ${name} *${name}::open(const struct bpf_object *src) { return ${name}__open(src); }`,
    `void ${name}::destroy(struct ${name} *skel) { ${name}__destroy(skel); }`,
    '#endif /* __cplusplus */',
  ]);
  return { text, notes: skeleton.notes };
}

function struct({ name, maps, programs }: Skeleton): string[] {
  return [
    `struct ${name} {`,
    '\tstruct bpf_object *obj;',
    '\tstruct bpf_object_subskeleton *subskel;',
    ...pointers('struct bpf_map', 'maps', maps),
    ...structOpsMembers(maps),
    ...pointers('struct bpf_program', 'progs', programs),
    ...maps.flatMap(({ ident, section }) =>
      section === undefined
        ? []
        : [
            `\tstruct ${name}__${ident} {`,
            ...section.variables.map(({ declaration }) => `\t\t${declaration};`),
            `\t} ${ident};`,
          ],
    ),
    '',
    '#ifdef __cplusplus',
    `\tstatic inline struct ${name} *open(const struct bpf_object *src);`,
    `\tstatic inline void destroy(struct ${name} *skel);`,
    '#endif /* __cplusplus */',
    '};',
  ];
}

function open(skeleton: Skeleton): string[] {
  const { name, maps } = skeleton;
  return [
    `static inline struct ${name} *${name}__open(const struct bpf_object *src)`,
    '{',
    `\tstruct ${name} *obj;`,
    '\tstruct bpf_object_subskeleton *s;',
    '\tstruct bpf_map_skeleton *map __attribute__((unused));',
    '\tint err = -ENOMEM;',
    '',
    `\tobj = (struct ${name} *)calloc(1, sizeof(*obj));`,
    '\tif (!obj)',
    '\t\tgoto failed;',
    '\ts = (struct bpf_object_subskeleton *)calloc(1, sizeof(*s));',
    '\tif (!s)',
    '\t\tgoto failed;',
    '\tobj->subskel = s;',
    '\ts->sz = sizeof(*s);',
    '\ts->obj = src;',
    ...variableTable(maps),
    ...tables(skeleton, ({ sectionName }) => ({ name: sectionName, more: [] }), false),
    '',
    '\terr = bpf_object__open_subskeleton(s);',
    '\tif (err)',
    '\t\tgoto failed;',
    ...structOpsPointers(maps),
    '\treturn obj;',
    'failed:',
    `\t${name}__destroy(obj);`,
    '\terrno = -err;',
    '\treturn NULL;',
    '}',
  ];
}

function variableTable(maps: readonly SkeletonMap[]): string[] {
  const variables = maps.flatMap(({ ident, section }) =>
    (section?.variables ?? []).map((variable) => ({ ...variable, map: ident })),
  );
  if (variables.length === 0) return [];
  return [
    '',
    `\ts->var_cnt = ${variables.length};`,
    '\ts->var_skel_sz = sizeof(*s->vars);',
    '\ts->vars = (struct bpf_var_skeleton *)calloc(s->var_cnt, s->var_skel_sz);',
    '\tif (!s->vars)',
    '\t\tgoto failed;',
    ...variables.flatMap(({ name, ident, map }, i) => [
      '',
      `\ts->vars[${i}].name = "${name}";`,
      `\ts->vars[${i}].map = &obj->maps.${map};`,
      `\ts->vars[${i}].addr = (void **)&obj->${map}.${ident};`,
    ]),
  ];
}
