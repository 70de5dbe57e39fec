#!/bin/bash
# Builds the three programs into dist/bin, from a bare Debian 12 machine on.
# Arguments go to bazel, as --config=cuda.
set -euo pipefail
cd "$(dirname "$0")/.."

deploy/install_packages.sh
bazel build "$@" //coordinator:penstock-coordinator //coordinator/cli:penstock \
  //worker:penstock-worker
mkdir -p dist/bin
install -m 755 bazel-bin/coordinator/penstock-coordinator \
  bazel-bin/coordinator/cli/penstock bazel-bin/worker/penstock-worker dist/bin/
