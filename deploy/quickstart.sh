#!/bin/bash
# Trains a small GPT on the King James Bible through a pipeline of two worker
# processes on this machine: builds, prepares the text, starts a cluster on
# loopback, submits the job and watches it to its end.
#
#   STEPS=300  optimizer updates to make
set -euo pipefail
cd "$(dirname "$0")/.."

deploy/build.sh
export PATH="$PWD/dist/bin:$PATH"
work="$PWD/dist/quickstart"
mkdir -p "$work"
cd "$work"
[ -s kjv.txt ] || bible -f gen1:1-rev22:21 > kjv.txt
penstock data prepare kjv.txt -o kjv.bin

cat > kjv.yaml <<YAML
name: kjv-$(date +%Y%m%d-%H%M%S)
model:
  gpt2: {layers: 8, hidden: 256, heads: 8, sequence_length: 256, vocabulary: 256, tied_embeddings: false}
data: {tokens: kjv.bin, dtype: uint16, order: shuffled}
optimizer:
  adamw: {learning_rate: 1e-3, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weight_decay: 0.1, clip_norm: 1.0, warmup_steps: 10, decay: cosine}
batch: {micro_batch_size: 4, micro_batches: 8}
parallelism: {pipeline: 2, data: 1, schedule: 1f1b}
steps: ${STEPS:-300}
seed: 1234
checkpoint: {every_steps: 50, keep: 2}
YAML

penstock up --workers 2 --state-dir "$work/cluster"
trap 'penstock down --state-dir "$work/cluster"' EXIT
penstock job submit -f kjv.yaml --watch --state-dir "$work/cluster"
