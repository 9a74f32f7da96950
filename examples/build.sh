#!/bin/sh
# Rebuilds the compiled examples beside their sources. `--check` builds into a temporary folder and compares instead.
# Needs clang 19 and llvm-strip 19 (Debian: clang-19 llvm-19 libbpf-dev); CLANG and STRIP name others.
set -eu
cd "$(dirname "$0")"
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

build shared/shared.bpf.c shared/shared.bpf.o -DPINNING=PIN_GLOBAL_NS
build shared/shared.bpf.c shared/shared_object_ns.bpf.o -DPINNING=PIN_OBJECT_NS
build shared/shared.bpf.c shared/shared_none.bpf.o -DPINNING=PIN_NONE
build cgroup/tc_count.bpf.c cgroup/tc_count.bpf.o
build cgroup/cg.bpf.c cgroup/cg.bpf.o
build globals/template.bpf.c globals/template.bpf.o
build classify/cls.bpf.c classify/cls.bpf.o
