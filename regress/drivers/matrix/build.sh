#!/bin/sh
# Compiles the matrix' programs and fetches npm's packages: build.sh FOLDER.  What is newer than its source stays.
set -eu
cd "$(dirname "$0")/../../.."
made=$PWD/$1/drivers
source=$PWD/regress/drivers/matrix
npm=$PWD/$1/npm
log=$made/log
mkdir -p "$made" "$npm"

# made_by FILE SOURCE...: true when FILE has to be made
is_old() {
	file=$1
	shift
	for from in "$@"; do
		[ "$file" -nt "$from" ] || return 0
	done
	return 1
}

# Quiet, but for those that fail.
run() {
	"$@" > "$log" 2>&1 || {
		cat "$log" >&2
		exit 1
	}
}

# They want a newer Node.js than Debian 12's.
make_npm() {
	node_major=$(node --version | sed 's/^v\([0-9]*\).*/\1/')
	[ "$node_major" -ge 20 ] && is_old "$npm/node_modules/.prisma/client/index.js" "$source/node/package-lock.json" "$source/node/schema.prisma" || return 0
	echo "npm   regress/drivers/matrix/node"
	cp "$source/node/package.json" "$source/node/package-lock.json" "$source/node/schema.prisma" "$npm"
	cd "$npm"
	log=$made/log.npm
	run npm ci --no-audit --no-fund --ignore-scripts
	# The client is generated without Prisma's engine for schemas, which it would download and not use.
	PRISMA_SCHEMA_ENGINE_BINARY=/bin/true PRISMA_HIDE_UPDATE_MESSAGE=1 run node node_modules/prisma/build/index.js generate --schema schema.prisma
	touch "$npm/node_modules/.prisma/client/index.js"
}

# It waits for the network while the others are compiled; whoever fails, nobody is left behind.
trap wait EXIT
make_npm &
npm_made=$!

if is_old "$made/libpq" "$source/libpq.c"; then
	echo "cc    regress/drivers/matrix/libpq.c"
	run gcc -O1 -Wall -Wextra -o "$made/libpq" "$source/libpq.c" -I"$(pg_config --includedir)" -lpq -pthread
fi
for program in go_pq go_pgx; do
	if is_old "$made/$program" "$source/$program/main.go"; then
		echo "go    regress/drivers/matrix/$program"
		run env GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE="$made/gocache" go build -o "$made/$program" "$source/$program/main.go"
	fi
done
if is_old "$made/Matrix.class" "$source/java/Matrix.java"; then
	echo "javac regress/drivers/matrix/java"
	run javac -cp /usr/share/java/postgresql.jar -d "$made" "$source/java/Matrix.java"
fi
if is_old "$made/matrix" "$source/rust/src/main.rs" "$source/rust/Cargo.toml"; then
	echo "cargo regress/drivers/matrix/rust"
	rm -rf "$made/rust"
	cp -r "$source/rust" "$made/rust"
	mkdir -p "$made/rust/.cargo"
	printf '[source.crates-io]\nreplace-with = "debian"\n[source.debian]\ndirectory = "/usr/share/cargo/registry"\n' > "$made/rust/.cargo/config.toml"
	(cd "$made/rust" && run cargo build --offline)
	cp "$made/rust/target/debug/matrix" "$made/matrix"
fi
wait $npm_made
