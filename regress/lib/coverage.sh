#!/bin/sh
# Merges the profiles that a run of the coverage flavour left in <build>/profiles and writes <build>/report.txt.
set -eu
build=$1
profdata=$(command -v llvm-profdata || command -v llvm-profdata-14)
cov=$(command -v llvm-cov || command -v llvm-cov-14)
find "$build/profiles" -name '*.profraw' -size +0 > "$build/profiles.list"
"$profdata" merge -sparse -f "$build/profiles.list" -o "$build/all.profdata"
objects=
for unit in "$build"/unit/test_*; do
	[ -x "$unit" ] && objects="$objects -object $unit"
done
# shellcheck disable=SC2086
"$cov" report "$build/pgweir" $objects -instr-profile="$build/all.profdata" src include > "$build/report.txt"
tail -1 "$build/report.txt"
echo "see $build/report.txt"
