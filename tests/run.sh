#!/bin/bash
# Runs all tests from a bare Debian 12 machine on: the style rules, then every
# bazel test. Ends with `N passed, N failed` alone on a line. Arguments go to
# bazel, as --config=asan or targets; without targets all are run.
set -uo pipefail
cd "$(dirname "$0")/.."

deploy/install_packages.sh || exit 1
exec python3 tests/run_all.py "$@"
