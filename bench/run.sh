#!/usr/bin/env bash
# Runs every benchmark in release, one after the other, and prints tables of ratios.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}
$cargo build --release --locked --quiet --package node-cli
for one in journal enforce ssh; do
    $cargo bench --locked --quiet --package bench --bench "$one"
done
