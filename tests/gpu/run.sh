#!/bin/bash
# Settles on a GPU what cannot be settled without one, in minutes:
#
#     tests/gpu/run.sh
#
# Needs a checkout with Bazel, or with nvcc and g++ alone, or with what
# tests/gpu/package.sh put into .gpu/ on another machine. Logs go to $OUT, a
# temporary directory unless it is set. Ends with one table of all steps;
# fails if one failed.
set -uo pipefail
cd "$(dirname "$0")/../.."

out=${OUT:-$(mktemp -d)}
mkdir -p "$out"
build=$out/build
prebuilt=.gpu
conformance="attention bfloat16 llama matmul rows"
table=()
failed=0

# step NAME LIMIT_SECONDS COMMAND...: runs it, keeps its output, notes how it
# ended.
step() {
  local name=$1 limit=$2 log="$out/$1.log" begin=$SECONDS
  shift 2
  # Through a shell, which also knows the functions that are exported below.
  local status=0
  timeout "$limit" bash -c '"$@"' bash "$@" > "$log" 2>&1 || status=$?
  if [ $status -eq 0 ]; then
    table+=("$(printf '%-28s passed  %4d s' "$name" $((SECONDS - begin)))")
    return 0
  fi
  failed=$((failed + 1))
  table+=("$(printf '%-28s FAILED  %4d s, status %d: %s' "$name" \
    $((SECONDS - begin)) $status "$(tail -n 1 "$log")")")
  return 1
}

skip() { table+=("$(printf '%-28s skipped %s' "$1" "$2")"); }

environment() {
  date -u
  git rev-parse HEAD 2> /dev/null
  nvidia-smi --query-gpu=name,compute_cap,driver_version,memory.total,clocks.max.sm \
    --format=csv
  nvcc --version 2> /dev/null | tail -n 2
  uname -srm
}

# The CUDA libraries of this machine, for programs that were built on another.
find_libraries() {
  local home=${CUDA_HOME:-/usr/local/cuda} library
  for library in "$home/lib64" "$home/lib" \
    "$(dirname "$(command -v nvcc || echo /none)")/../lib64"; do
    [ -d "$library" ] && LD_LIBRARY_PATH=$library:${LD_LIBRARY_PATH:-}
  done
  export LD_LIBRARY_PATH=$PWD/$prebuilt:${LD_LIBRARY_PATH:-}
}

# Only the check of kernels: the rest needs libraries that a bare machine lacks.
build_plainly() {
  local capability flags src
  capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader |
    head -n 1 | tr -d .)
  flags=(-std=c++20 -O3 --expt-relaxed-constexpr -I.
    "-gencode=arch=compute_$capability,code=sm_$capability")
  mkdir -p "$build"
  for src in kernels/cuda/*.cu tests/gpu/check.cc \
    tests/gpu/{attention,norm}_oracle.cc tests/gpu/kernel_check_main.cc; do
    printf '%s\0' "$src"
  done | xargs -0 -P "$(nproc)" -I{} sh -c \
    'nvcc '"${flags[*]}"' -x cu -c {} -o "$0/$(basename {}).o"' "$build" &&
    nvcc "$build"/*.o -o "$build/kernel_check"
}

build_by_bazel() {
  mkdir -p "$build"
  bazel build --config=cuda //tests/gpu/... //tests/conformance:all || return 1
  cp -f bazel-bin/tests/gpu/{kernel_check,backend_check,nccl/nccl_link} \
    "$build/" || return 1
  for suite in $conformance; do
    cp -f "bazel-bin/tests/conformance/backend_${suite}_test" "$build/" ||
      return 1
  done
}

prepare() {
  if [ -x "$prebuilt/kernel_check" ]; then
    build=$prebuilt
    table+=("$(printf '%-28s %s' programs "from $prebuilt")")
  elif command -v bazel > /dev/null; then
    step build_by_bazel 1800 build_by_bazel
  elif command -v nvcc > /dev/null; then
    step build_plainly 300 build_plainly
  else
    echo "tests/gpu/run.sh: neither $prebuilt nor bazel nor nvcc is here" >&2
    exit 2
  fi
}

check_kernels() {
  step kernels 240 "$build/kernel_check"
  if ! command -v compute-sanitizer > /dev/null; then
    skip sanitizers "there is no compute-sanitizer"
    return
  fi
  for tool in memcheck racecheck synccheck; do
    step "$tool" 120 compute-sanitizer --tool "$tool" --error-exitcode 1 \
      "$build/kernel_check" --small
  done
}

check_backend() {
  if [ ! -x "$build/backend_check" ]; then
    skip backend "built by nvcc alone; see tests/gpu/package.sh"
    return
  fi
  export PENSTOCK_REQUIRE=cuda
  for suite in $conformance; do
    step "conformance_$suite" 120 "$build/backend_${suite}_test" \
      --gtest_filter='*cuda*'
  done
  step backend 240 "$build/backend_check"
}

# Two and four processes on one GPU, then one that dies among them.
check_nccl() {
  if [ ! -x "$build/nccl_link" ]; then
    skip nccl "built by nvcc alone; see tests/gpu/package.sh"
    return
  fi
  step nccl_2 60 "$build/nccl_link" 2
  step nccl_4 60 "$build/nccl_link" 4
  step nccl_kill 60 "$build/nccl_link" 2 kill
}

if ! command -v nvidia-smi > /dev/null || ! nvidia-smi -L > /dev/null 2>&1; then
  echo "tests/gpu/run.sh: no GPU on this machine (nvidia-smi finds none)" >&2
  exit 2
fi
export -f build_plainly build_by_bazel
export build conformance
find_libraries
prepare
check_kernels
check_backend
check_nccl

environment | tee "$out/environment.log"
for log in kernels backend nccl_2 nccl_4 nccl_kill; do
  [ -f "$out/$log.log" ] && cat "$out/$log.log"
done
printf '%s\n' "${table[@]}"
echo "logs: $out"
[ $failed -eq 0 ]
