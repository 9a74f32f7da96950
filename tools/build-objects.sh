#!/bin/sh
# Rebuilds the compiled examples and test objects beside their sources. `--check` builds into a temporary folder and compares instead.
# Needs clang 19 and llvm-strip 19 (Debian: clang-19 llvm-19 libbpf-dev); CLANG and STRIP name others.
set -eu
cd "$(dirname "$0")/.."
clang=${CLANG:-clang-19}
strip=${STRIP:-llvm-strip-19}
flags="--target=bpf -O2 -g -mcpu=v3 -Wall -Wno-unused -fdebug-compilation-dir=. -I/usr/include/$(uname -m)-linux-gnu"
check=
[ "${1:-}" = --check ] && check=$(mktemp -d) && trap 'rm -rf "$check"' EXIT

build() { # SOURCE OBJECT [FLAG...]
	source=$1 object=$2
	shift 2
	out=${check:+$check/}$object
	mkdir -p "$(dirname "$out")"
	# shellcheck disable=SC2086
	$clang $flags "$@" -c "$source" -o "$out"
	$strip -g "$out"
	if [ -n "$check" ]; then cmp "$out" "$object"; fi
}

build examples/shared/shared.bpf.c examples/shared/shared.bpf.o -DPINNING=PIN_GLOBAL_NS
build examples/shared/shared.bpf.c examples/shared/shared_object_ns.bpf.o -DPINNING=PIN_OBJECT_NS
build examples/shared/shared.bpf.c examples/shared/shared_none.bpf.o -DPINNING=PIN_NONE
build examples/cgroup/tc_count.bpf.c examples/cgroup/tc_count.bpf.o
build examples/cgroup/cg.bpf.c examples/cgroup/cg.bpf.o
build examples/globals/template.bpf.c examples/globals/template.bpf.o
build examples/classify/cls.bpf.c examples/classify/cls.bpf.o

build test/objects/btf_maps.c test/objects/btf_maps.o
build test/objects/map_shapes.c test/objects/map_shapes.o
build test/objects/calls.c test/objects/calls.o
build test/objects/layout.c test/objects/layout_one.o
build test/objects/layout.c test/objects/layout_other.o -DOTHER
build test/objects/mixed.c test/objects/mixed.o
build test/objects/types.c test/objects/types.o
build test/objects/swap.c test/objects/swap.o
build test/objects/tail.c test/objects/tail.o
build test/objects/slots.c test/objects/slots.o
build test/objects/core.c test/objects/core.o
build test/objects/core_live.c test/objects/core_live.o
build test/objects/core_target.c test/objects/core_target.o
build test/objects/hidden.c test/objects/hidden.o
build test/objects/loops.c test/objects/loops.o -mcpu=v4
build test/objects/calls.c test/objects/calls_v1.o -mcpu=v1
for source in types calls mixed core_live; do
	build test/objects/$source.c test/objects/${source}_be.o --target=bpfeb
done
for words in 4 5 6 7 8 9; do
	build test/objects/elf_map.c "test/objects/elf_map_$words.o" -g0 -DWORDS=$words
done
build test/objects/map_def_long.c test/objects/map_def_long.o -g0
build test/objects/map_programs.c test/objects/map_programs.o
build test/objects/cgroup_programs.c test/objects/cgroup_programs.o
build test/objects/header_options.c test/objects/header_options.o
build test/objects/helper_programs.c test/objects/helper_programs.o
build test/objects/values.c test/objects/values.o
build test/objects/system_helpers.c test/objects/system_helpers.o
build test/objects/xdp_frags.c test/objects/xdp_frags.o
build test/objects/packet_output.c test/objects/packet_output.o
build test/objects/lsm_cgroup.c test/objects/lsm_cgroup.o
build test/objects/syncookies.c test/objects/syncookies.o
build test/objects/more_kfuncs.c test/objects/more_kfuncs.o
build test/objects/task_storage.c test/objects/task_storage.o
build test/objects/packet_helpers.c test/objects/packet_helpers.o
build test/objects/xdp_block.c test/objects/xdp_block.o
build test/objects/unsafe.c test/objects/unsafe.o
build test/objects/globals.c test/objects/globals.o
build test/objects/externs.c test/objects/externs.o
build test/objects/ksyms.c test/objects/ksyms.o
build test/objects/kernel_vars.c test/objects/kernel_vars.o
build test/objects/struct_ops.c test/objects/struct_ops.o
build test/objects/tracing.c test/objects/tracing.o
build test/objects/tracing.c test/objects/tracing_more.o -DMORE
build test/objects/link/one.c test/objects/link/one.o
build test/objects/link/two.c test/objects/link/two.o
build test/objects/events.c test/objects/events.o
build test/objects/perf_events.c test/objects/perf_events.o
build test/objects/user_events.c test/objects/user_events.o
build test/objects/exceptions.c test/objects/exceptions.o
build test/objects/elements.c test/objects/elements.o
build test/objects/typed.c test/objects/typed.o
build test/objects/typed_lab.c test/objects/typed_lab.o
build test/objects/ext.c test/objects/ext.o
build test/objects/congestion.c test/objects/congestion.o
build test/objects/kfuncs.c test/objects/kfuncs.o
build test/objects/kobjects.c test/objects/kobjects.o
build test/objects/netfilter.c test/objects/netfilter.o
build test/objects/map_fields.c test/objects/map_fields.o
build test/objects/kernel_views.c test/objects/kernel_views.o
build test/objects/arena.c test/objects/arena.o -mcpu=v4
build test/objects/arena.c test/objects/arena_at.o -mcpu=v4 -DAT=0x100000000000ull
build test/objects/arena_programs.c test/objects/arena_programs.o -mcpu=v4
build test/objects/usdt.c test/objects/usdt.o -D__TARGET_ARCH_x86
build test/objects/attach.c test/objects/attach.o
build test/objects/cpus.c test/objects/cpus.o
build test/objects/hooks.c test/objects/hooks.o
build test/objects/attach.c test/objects/attach_probes.o -DPROBES

for source in bench/programs/*.c; do
	build "$source" "${source%.c}.o"
done
for name in firewall hash_lookup hash_update lb lru; do
	build "bench/programs/$name.c" "bench/programs/frames/$name.o" -DFROM_FRAME
done
build bench/programs/array.c bench/programs/array_atomic.o -DATOMIC
