import { cBytes } from './c-bytes.ts';
import {
  readSkeleton,
  type Skeleton,
  type SkeletonHeader,
  type SkeletonMap,
  type SkeletonOptions,
} from './skeleton-model.ts';
import { headerText, pointers, structOpsMembers, structOpsPointers, tables } from './skeleton-text.ts';

/**
 * The C header of `gen skeleton`: the object itself, a struct with its maps, programs, links and globals, and the functions that open, load, attach
 * and destroy it with libbpf. Names and signatures are those of bpftool's headers, so a program that includes one of these compiles with the other.
 * The object is embedded as it is. Named types of globals have to be declared before the header is included.
 *
 * Throws ObjectError for an object that is damaged, that libbpf does not open, or whose names or layout C cannot say; UsageError for a name that is
 * none of C.
 * @example
 * const { text } = generateSkeleton(bytes, { file: 'flows.bpf.o' });
 */
export function generateSkeleton(bytes: Uint8Array, options: SkeletonOptions): SkeletonHeader {
  const skeleton = readSkeleton(bytes, options, false);
  const { name } = skeleton;
  const body = [
    '#define BPF_SKEL_SUPPORTS_MAP_AUTO_ATTACH 1',
    '',
    ...struct(skeleton),
    '',
    ...lifetime(skeleton),
    '',
    ...create(skeleton),
    '',
    `static inline const void *${name}__elf_bytes(size_t *sz)`,
    '{',
    `\tstatic const char bytes[] __attribute__((aligned(8))) =`,
    ...cBytes(skeleton.bytes),
    '',
    '\t*sz = sizeof(bytes) - 1;',
    '\treturn bytes;',
    '}',
    '',
    '#ifdef __cplusplus',
    ...cppMembers(name).map(
      ({ type, method, params, args, target }) =>
        `${type}${name}::${method}(${params.replace(/ = \w+$/, '')}) { return ${name}__${target}(${args}); }`,
    ),
    '#endif /* __cplusplus */',
    ...asserts(skeleton),
  ];
  return { text: headerText(skeleton, 'SKEL', 'skeleton', body), notes: skeleton.notes };
}

/** Of the C++ members: what they are, and the C function (`target`) that each stands for. */
function cppMembers(name: string) {
  // biome-ignore format: aligned table
  return [
    { type: `struct ${name} *`, method: 'open',          target: 'open_opts',     args: 'opts', params: 'const struct bpf_object_open_opts *opts = nullptr' },
    { type: `struct ${name} *`, method: 'open_and_load', target: 'open_and_load', args: '',     params: '' },
    { type: 'int ',             method: 'load',          target: 'load',          args: 'skel', params: `struct ${name} *skel` },
    { type: 'int ',             method: 'attach',        target: 'attach',        args: 'skel', params: `struct ${name} *skel` },
    { type: 'void ',            method: 'detach',        target: 'detach',        args: 'skel', params: `struct ${name} *skel` },
    { type: 'void ',            method: 'destroy',       target: 'destroy',       args: 'skel', params: `struct ${name} *skel` },
    { type: 'const void *',     method: 'elf_bytes',     target: 'elf_bytes',     args: 'sz',   params: 'size_t *sz' },
  ] as const;
}

function struct({ name, maps, programs }: Skeleton): string[] {
  const links = [...programs, ...maps.filter(({ structOps }) => structOps !== undefined)];
  return [
    `struct ${name} {`,
    '\tstruct bpf_object_skeleton *skeleton;',
    '\tstruct bpf_object *obj;',
    ...pointers('struct bpf_map', 'maps', maps),
    ...structOpsMembers(maps),
    ...pointers('struct bpf_program', 'progs', programs),
    ...pointers('struct bpf_link', 'links', links),
    ...maps.flatMap((map) => sectionStruct(name, map)),
    '',
    '#ifdef __cplusplus',
    ...cppMembers(name).map(({ type, method, params }) => `\tstatic inline ${type}${method}(${params});`),
    '#endif /* __cplusplus */',
    '};',
  ];
}

function sectionStruct(name: string, { ident, section }: SkeletonMap): string[] {
  if (section === undefined) return [];
  let pads = 0;
  return [
    `\tstruct ${name}__${ident} {`,
    ...section.variables.flatMap(({ padding, declaration }) => [
      ...(padding === 0 ? [] : [`\t\tchar __pad${pads++}[${padding}];`]),
      `\t\t${declaration};`,
    ]),
    `\t} *${ident};`,
  ];
}

/** From open to destroy. */
function lifetime({ name, maps }: Skeleton): string[] {
  return `static inline int ${name}__create_skeleton(struct ${name} *obj);

static inline void ${name}__destroy(struct ${name} *obj)
{
	if (obj) {
		if (obj->skeleton)
			bpf_object__destroy_skeleton(obj->skeleton);
		free(obj);
	}
}

static inline struct ${name} *${name}__open_opts(const struct bpf_object_open_opts *opts)
{
	struct ${name} *obj = (struct ${name} *)calloc(1, sizeof(*obj));
	int err = obj ? ${name}__create_skeleton(obj) : -ENOMEM;

	if (!err)
		err = bpf_object__open_skeleton(obj->skeleton, opts);
	if (err) {
		${name}__destroy(obj);
		errno = -err;
		return NULL;
	}
${structOpsPointers(maps)
  .map((line) => `${line}\n`)
  .join('')}	return obj;
}

static inline struct ${name} *${name}__open(void)
{
	return ${name}__open_opts(NULL);
}

static inline int ${name}__load(struct ${name} *obj)
{
	return bpf_object__load_skeleton(obj->skeleton);
}

static inline struct ${name} *${name}__open_and_load(void)
{
	struct ${name} *obj = ${name}__open();
	int err = obj ? ${name}__load(obj) : 0;

	if (err) {
		${name}__destroy(obj);
		errno = -err;
		return NULL;
	}
	return obj;
}

static inline int ${name}__attach(struct ${name} *obj)
{
	return bpf_object__attach_skeleton(obj->skeleton);
}

static inline void ${name}__detach(struct ${name} *obj)
{
	bpf_object__detach_skeleton(obj->skeleton);
}`.split('\n');
}

/** Describes the struct to libbpf. */
function create(skeleton: Skeleton): string[] {
  const { name } = skeleton;
  const row = ({ name, ident, section, structOps }: SkeletonMap) => ({
    name,
    more: [
      ...(section === undefined ? [] : [`\tmap->mmaped = (void **)&obj->${ident};`]),
      ...(structOps === undefined
        ? []
        : [
            '#if LIBBPF_MAJOR_VERSION > 1 || LIBBPF_MINOR_VERSION >= 5',
            `\tmap->link = &obj->links.${ident};`,
            '#endif',
          ]),
    ],
  });
  return [
    `static inline const void *${name}__elf_bytes(size_t *sz);`,
    '',
    `static inline int ${name}__create_skeleton(struct ${name} *obj)`,
    '{',
    '\tstruct bpf_object_skeleton *s;',
    '\tstruct bpf_map_skeleton *map __attribute__((unused));',
    '',
    '\ts = (struct bpf_object_skeleton *)calloc(1, sizeof(*s));',
    '\tif (!s)',
    '\t\treturn -ENOMEM;',
    '',
    '\ts->sz = sizeof(*s);',
    `\ts->name = "${name}";`,
    '\ts->obj = &obj->obj;',
    ...tables(skeleton, row, true),
    '',
    `\ts->data = (void *)${name}__elf_bytes(&s->data_sz);`,
    '\tobj->skeleton = s;',
    '\treturn 0;',
    'failed: __attribute__((unused));',
    '\tbpf_object__destroy_skeleton(s);',
    '\treturn -ENOMEM;',
    '}',
  ];
}

/** The compiler of the program checks that it lays the globals out as the object has them. */
function asserts({ name, maps }: Skeleton): string[] {
  const checks = maps.flatMap(({ ident, section }) =>
    (section?.variables ?? []).flatMap((variable) => [
      `\tSKEL_ASSERT(sizeof(s->${ident}->${variable.ident}) == ${variable.size}, "unexpected size of '${variable.ident}'");`,
      `\tSKEL_ASSERT(__builtin_offsetof(__typeof__(*s->${ident}), ${variable.ident}) == ${variable.offset}, "unexpected place of '${variable.ident}'");`,
    ]),
  );
  if (checks.length === 0) return [];
  return [
    '',
    '#ifdef __cplusplus',
    '#define SKEL_ASSERT static_assert',
    '#else',
    '#define SKEL_ASSERT _Static_assert',
    '#endif',
    `__attribute__((unused)) static void ${name}__assert(struct ${name} *s __attribute__((unused)))`,
    '{',
    ...checks,
    '}',
    '#undef SKEL_ASSERT',
  ];
}
