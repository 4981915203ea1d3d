#!/usr/bin/env bash
# Runs benchmarks in release, one after the other, and prints tables of ratios: those that are named,
# or all.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}
if [ $# = 0 ]; then
    set -- journal enforce mask ssh cluster views verify backtest stream postgres
fi
$cargo build --release --locked --quiet --package node-cli
for one in "$@"; do
    $cargo bench --locked --quiet --package bench --bench "$one"
done
