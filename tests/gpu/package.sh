#!/bin/bash
# Builds what tests/gpu/run.sh runs and packs it, stripped and with the libraries
# that a bare machine lacks, into .gpu/programs.tar.xz of this checkout; CUDA's
# own are found where it runs.
set -euo pipefail
cd "$(dirname "$0")/../.."

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
tests/gpu/run.sh --run build_by_bazel "$stage"
chmod -R u+w "$stage"
strip "$stage"/*
# Neither the C library, which every machine has, nor CUDA.
mkdir "$stage/lib"
for program in "$stage"/*; do
  [ -f "$program" ] && ldd "$program"
done | awk '/=> \/(usr\/)?lib/ { print $3 }' | sort -u |
  grep -vE '/(libc|libm|libpthread|libdl|librt|ld-linux-x86-64)\.so' |
  xargs -I{} cp -L {} "$stage/lib/"
mkdir -p .gpu
tar -C "$stage" -c . | xz -T0 -3 > .gpu/programs.tar.xz
du -sh "$stage" .gpu/programs.tar.xz
