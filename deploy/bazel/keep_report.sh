#!/bin/sh
# Runs a compiler and keeps what it says:
#     keep_report.sh REPORT COMPILER ARGUMENT...
# What it says is shown only when it fails.
report=$1
shift
"$@" > "$report" 2>&1 && exit 0
status=$?
cat "$report" >&2
exit $status
