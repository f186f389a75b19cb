#!/bin/sh
# Runs each libFuzzer harness for some seconds from its seeds in regress/fuzz/seeds/, in a folder of its name, with or without fuzz_.
# What it finds is left as build/fuzz/found/<name>-*; add it to the seeds with the fix.
set -eu
seconds=$1
shift
mkdir -p build/fuzz/found
failed=0
for name in "$@"; do
	corpus=build/fuzz/corpus/$name
	seeds=regress/fuzz/seeds/$name
	mkdir -p "$corpus"
	[ -d "$seeds" ] || seeds=regress/fuzz/seeds/${name#fuzz_}
	[ -d "$seeds" ] || seeds=
	echo "== $name, $seconds s"
	dictionary=regress/fuzz/$name.dict
	[ -f "$dictionary" ] && dictionary=-dict=$dictionary || dictionary=
	# shellcheck disable=SC2086
	build/fuzz/fuzz/"$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
	    -artifact_prefix=build/fuzz/found/"$name"- $dictionary "$corpus" $seeds \
	    > build/fuzz/"$name".log 2>&1 || failed=1
	grep -E '^(Done|stat::|SUMMARY|==.*ERROR|artifact_prefix|.*Test unit written)' build/fuzz/"$name".log || true
done
exit $failed
