#!/bin/bash
# Settles on a GPU what cannot be settled without one, in under nine minutes:
#
#     tests/gpu/run.sh                 # on a machine with a GPU
#     tests/gpu/run.sh --device cpu    # the CPU in its place: proves the script
#
# Needs a checkout with Bazel, or with nvcc and g++ alone, or with what
# tests/gpu/package.sh put into .gpu/ on another machine. Every check has a limit
# of its own and none stops another; building comes before and does not count.
# Ends with one table; fails if a check failed. $OUT, a temporary directory
# unless it is set, gets table.txt, all.log and the speeds in JSON.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit

readonly BUDGET=535 # Seconds for all checks together.
readonly SUITES=(attention bfloat16 llama matmul optimizer rows)
readonly PACKED=.gpu/programs.tar.xz
readonly SELF=tests/gpu/run.sh
device=${device:-cuda}
table=()
failed=0
under=()

# --- What is there.

# Builds all programs and puts them into a directory.
build_by_bazel() {
  local flags=() suite
  local programs=(tests/gpu/{model_check,throughput,step_profile,device_hog}
    worker/penstock-worker coordinator/penstock-coordinator
    coordinator/cli/penstock)
  if [ "$device" = cuda ]; then
    flags=(--config=cuda)
    programs+=(tests/gpu/{kernel_check,backend_check,nccl/nccl_link})
  fi
  for suite in "${SUITES[@]}"; do
    programs+=("tests/conformance/backend_${suite}_test")
  done
  bazel build "${flags[@]}" //tests/gpu/... //tests/conformance:all \
    //worker:penstock-worker //coordinator:penstock-coordinator \
    //coordinator/cli:penstock &&
    cp -f "${programs[@]/#/bazel-bin/}" "$1"
}

# The check of kernels alone: the rest needs libraries that a bare machine lacks.
build_plainly() {
  local capability
  capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader |
    head -n 1 | tr -d .)
  printf '%s\0' kernels/cuda/*.cu tests/gpu/check.cc \
    tests/gpu/{attention,norm}_oracle.cc \
    tests/gpu/kernel_check{,_main,_weights}.cc |
    xargs -0 -P "$(nproc)" -I{} "$SELF" --run compile "$capability" {} "$1" &&
    nvcc "$1"/*.o -o "$1/kernel_check"
}

compile() {
  nvcc -std=c++20 -O3 --expt-relaxed-constexpr -I. \
    "-gencode=arch=compute_$1,code=sm_$1" -x cu -c "$2" \
    -o "$3/$(basename "$2").o"
}

prepare() {
  if [ -f "$PACKED" ]; then
    step programs 120 "$SELF" --run unpack
  elif command -v bazel > /dev/null; then
    step programs 3600 "$SELF" --run build_by_bazel "$build"
  elif command -v nvcc > /dev/null; then
    step programs 300 "$SELF" --run build_plainly "$build"
  else
    echo "tests/gpu/run.sh: neither $PACKED nor bazel nor nvcc is here" >&2
    exit 2
  fi
}

unpack() {
  tar -C "$build" -xJf "$PACKED" || python3 -m tarfile -e "$PACKED" "$build"
}

# Of programs that were built elsewhere: their own libraries, then CUDA's of this
# machine, from a toolkit or from Python's packages. Other programs do not get
# them.
find_libraries() {
  local home=${CUDA_HOME:-/usr/local/cuda} directory libraries=$build/lib
  for directory in "$home/lib64" "$home/lib" $(python3 -c \
    'import glob, nvidia; print(*(d for p in nvidia.__path__
                                  for d in sorted(glob.glob(p + "/*/lib"))))' \
    2> /dev/null); do
    [ -d "$directory" ] && libraries+=:$directory
  done
  export PENSTOCK_PROGRAMS=$build
  export PENSTOCK_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
}

environment() {
  date -u
  git rev-parse HEAD 2> /dev/null
  uname -srm
  echo "device: $device"
  if [ "$device" = cpu ]; then
    grep -m 1 'model name' /proc/cpuinfo
    return
  fi
  nvidia-smi --format=csv --query-gpu=name,compute_cap,driver_version,\
memory.total,memory.used,clocks.sm,clocks.max.sm,power.limit
  nvcc --version 2> /dev/null | tail -n 2
}

# --- Steps.

# step NAME LIMIT_SECONDS COMMAND...: runs it, keeps its output, notes how it
# ended and the last line that it printed.
step() {
  local name=$1 limit=$2 log=$logs/$1.log begin=$SECONDS status=0
  shift 2
  if [ -n "${deadline:-}" ]; then
    if [ $((deadline - SECONDS)) -lt 5 ]; then
      failed=$((failed + 1))
      note "$name" FAILED 0 "no time is left for it"
      return 1
    fi
    [ "$limit" -gt $((deadline - SECONDS)) ] && limit=$((deadline - SECONDS))
  fi
  timeout -k 5 "$limit" "$@" > "$log" 2>&1 || status=$?
  local result=passed
  [ $status -eq 0 ] || result="FAILED ($status)"
  [ $status -eq 124 ] && result="FAILED (time)"
  [ $status -eq 0 ] || failed=$((failed + 1))
  note "$name" "$result" $((SECONDS - begin)) "$(tail -n 1 "$log")"
  return $status
}

note() {
  table+=("$(printf '%-22s %-13s %4d s  %.150s' "$@")")
  echo "${table[-1]}" >&2
}
skip() {
  table+=("$(printf '%-22s %-13s %4s    %s' "$1" skipped '' "$2")")
}

# check NAME LIMIT PROGRAM ARGUMENTS...: one of ours, if it was built.
check() {
  local name=$1 limit=$2 program=$build/$3
  shift 3
  if [ ! -x "$program" ]; then
    skip "$name" "$(basename "$program") is not built here"
    return
  fi
  step "$name" "$limit" env "LD_LIBRARY_PATH=$PENSTOCK_LIBRARY_PATH" \
    "${under[@]}" "$program" "$@"
}

cluster() {
  if [ ! -x "$build/penstock" ]; then
    skip "cluster_$1" "penstock is not built here"
    return
  fi
  step "cluster_$1" "$2" python3 tests/gpu/cluster_check.py \
    --devices "$device" "$1"
}

check_numbers() {
  local suite
  for suite in "${SUITES[@]}"; do
    check "suite_$suite" 60 "backend_${suite}_test" --gtest_filter="*$device*"
  done
  check model 120 model_check --device "$device"
  [ "$device" = cpu ] && return
  check kernels 120 kernel_check
  check backend 120 backend_check
}

check_processes() {
  if [ "$device" = cuda ]; then
    check nccl_2 40 nccl_link 2
    check nccl_4 40 nccl_link 4
    check nccl_kill 40 nccl_link 2 kill
  fi
  cluster two 60
  cluster kill 90
  cluster four 60
}

throughput() {
  local shapes=()
  [ "$device" = cpu ] && shapes=(--small --steps 5)
  LD_LIBRARY_PATH=$PENSTOCK_LIBRARY_PATH "$build/throughput" \
    --device "$device" "${shapes[@]}" --json "$out/ours.json"
}

torch_throughput() {
  local shapes=() python=python3
  [ "$device" = cpu ] && shapes=(--small)
  # The first that has it.
  for python in python3 /usr/bin/python3; do
    "$python" -c 'import torch' 2> /dev/null && break
  done
  LD_LIBRARY_PATH=$PENSTOCK_LIBRARY_PATH "$build/throughput" --list \
    "${shapes[@]}" --json "$out/workloads.json" &&
    "$python" tests/gpu/torch_throughput.py "$out/workloads.json" \
      "$out/torch.json" --device "$device" --seconds 100
}

speed_table() {
  local hold=()
  if [ "$device" = cuda ]; then
    hold=(--hold --device "$(nvidia-smi -L | head -n 1)")
  fi
  python3 tests/gpu/speed_table.py "$out/ours.json" "$out/torch.json" \
    "${hold[@]}"
}

check_speed() {
  local shapes=()
  [ "$device" = cpu ] && shapes=(--small)
  if [ ! -x "$build/throughput" ]; then
    skip speed "throughput is not built here"
    return
  fi
  step throughput 150 "$SELF" --run throughput
  step torch 140 "$SELF" --run torch_throughput
  step speed 10 "$SELF" --run speed_table
  check profile 40 step_profile --device "$device" "${shapes[@]}" --rows 14 \
    --json "$out/profile.json"
}

check_bad_days() {
  cluster no_device 30
  cluster too_large 30
  cluster no_nccl 45
  [ "$device" = cuda ] && cluster no_memory 45
}

check_with_sanitizers() {
  local tool
  if [ "$device" = cpu ]; then
    return
  fi
  if ! command -v compute-sanitizer > /dev/null; then
    skip sanitizers "there is no compute-sanitizer"
    return
  fi
  for tool in memcheck racecheck synccheck; do
    under=(compute-sanitizer --tool "$tool" --error-exitcode 1)
    check "$tool" 60 kernel_check --small
  done
  under=()
}

finish() {
  local log
  for log in "$logs"/*.log; do
    printf '\n== %s\n' "$(basename "$log" .log)"
    cat "$log"
  done > "$out/all.log"
  {
    environment
    for log in "$logs/speed.log" "$logs/profile.log"; do
      [ -f "$log" ] && cat "$log"
    done
    printf '%-22s %-13s %6s  %s\n' check result '' numbers
    printf '%s\n' "${table[@]}"
    echo "$failed failed, $SECONDS s in all; logs: $out"
  } | tee "$out/table.txt"
  [ "$failed" -eq 0 ]
}

case "${1:-}" in
--run) # A function of the above, in a process of its own.
  "${@:2}"
  exit
  ;;
--device) device=$2 ;;
esac
if [ "$device" = cuda ]; then
  if ! nvidia-smi -L > /dev/null 2>&1; then
    echo "tests/gpu/run.sh: no GPU on this machine (nvidia-smi finds none);" \
      "--device cpu proves the script" >&2
    exit 2
  fi
  # Executors that share the GPU reach each other on this machine alone.
  export PENSTOCK_REQUIRE=cuda NCCL_SOCKET_IFNAME=lo
fi
OUT=${OUT:-$(mktemp -d)}
mkdir -p "$OUT"
out=$(cd "$OUT" && pwd)
OUT=$out
logs=$(mktemp -d)
build=$(mktemp -d)
trap 'rm -rf "$build" "$logs"' EXIT
export device out OUT build
prepare
find_libraries
deadline=$((SECONDS + BUDGET))
check_numbers
check_processes
check_speed
check_bad_days
check_with_sanitizers
finish
