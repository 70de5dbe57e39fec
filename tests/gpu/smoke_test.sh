#!/bin/bash
# The programs that run.sh runs, in small on the CPU, so that they do not rot
# where there is no GPU.
set -euo pipefail
cd "$(dirname "$0")"

./model_check --device cpu --tiny
./throughput --device cpu --small --warmup 1 --steps 2 \
  --json "$TEST_TMPDIR/ours.json"
./throughput --list --small --json "$TEST_TMPDIR/workloads.json"
python3 ./speed_table.py "$TEST_TMPDIR/ours.json"
./step_profile --json "$TEST_TMPDIR/predicted.json"
./step_profile --device cpu --small --rows 6 --json "$TEST_TMPDIR/profile.json"
python3 -m json.tool "$TEST_TMPDIR/profile.json" > /dev/null
