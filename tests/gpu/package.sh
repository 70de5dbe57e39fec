#!/bin/bash
# Builds what tests/gpu/run.sh runs and puts it, stripped and with the libraries
# that a bare machine lacks, into .gpu/ of this checkout; CUDA's own are found
# where it runs.
set -euo pipefail
cd "$(dirname "$0")/../.."

bazel build --config=cuda //tests/gpu/... //tests/conformance:all
rm -rf .gpu
mkdir .gpu
cp bazel-bin/tests/gpu/{kernel_check,backend_check,nccl/nccl_link} .gpu/
for suite in attention bfloat16 llama matmul rows; do
  cp "bazel-bin/tests/conformance/backend_${suite}_test" .gpu/
done
chmod u+w .gpu/*
strip .gpu/*
# Neither the C library, which every machine has, nor CUDA.
ldd .gpu/* | awk '/=> \/(usr\/)?lib/ { print $3 }' | sort -u |
  grep -vE '/(libc|libm|libpthread|libdl|librt|ld-linux-x86-64)\.so' |
  xargs -I{} cp -L {} .gpu/
du -sh .gpu
