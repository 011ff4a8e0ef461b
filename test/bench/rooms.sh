#!/usr/bin/env bash
# Sums a CPU profile by room: each sample counts for the innermost package of
# this module on its stack, else for the garbage collector, the HTTP library or
# the rest. Samples of the benchmark's own client are left out.
#
#   go test ./test/bench -run '^$' -bench PushInside -benchtime 1x -cpuprofile cpu.prof -o bench.test
#   test/bench/rooms.sh bench.test cpu.prof
set -euo pipefail
go tool pprof -traces -unit=ms "$1" "$2" 2>/dev/null | awk '
function count() {
	if (ms > 0 && stack !~ /test\/bench_test|net\/http/) { sum[room == "" ? other : room] += ms; all += ms }
	ms = 0; room = ""; stack = ""; other = "rest"
}
/^-+\+-/ { count(); next }
{
	frame = $0
	if (match(frame, /^ *[0-9.]+ms +/)) { ms = frame + 0; sub(/^ *[0-9.]+ms +/, "", frame) }
	sub(/^ +/, "", frame)
	stack = stack "\n" frame
	if (room == "" && frame ~ /^gridpatrol\//) { room = frame; sub(/^gridpatrol\//, "", room); sub(/\..*/, "", room) }
	if (frame ~ /gcBgMarkWorker|gcAssist|bgsweep|bgscavenge/) other = "garbage collector"
	else if (frame ~ /fasthttp|gofiber/) other = "HTTP library"
}
END { count(); for (r in sum) printf "| %s | %.0f %% |\n", r, 100 * sum[r] / all }' | sort -t'|' -k3 -rn
