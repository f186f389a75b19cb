#!/bin/sh
# Installs what is missing with apt: deps.sh LIST...
# Lists: build (what `make run` needs), tests, bench, lint.  Where all is there it does nothing.
#
# Debian's packages of PostgreSQL, pgbouncer, its exporter and slapd would start daemons at installation.  They are kept from
# it while apt runs, and what was changed for that is put back, so that nothing is left behind but the packages.
set -eu

build="gcc make pkg-config libc6-dev libuv1-dev libssl-dev libpq-dev libinih-dev libpg-query-dev
    postgresql-server-dev-15 libidn-dev uthash-dev libsystemd-dev libpam0g-dev libldap-dev postgresql-15 postgresql-client-15 python3
    util-linux"
tests="openssl python3-pytest python3-pytest-xdist python3-psycopg python3-psycopg2 python3-asyncpg nodejs node-pg
    slapd libpam-pwdfile pgbouncer prometheus-pgbouncer-exporter pgbadger clang libclang-rt-14-dev llvm-14
    libdbd-pg-perl ruby ruby-pg ruby-activerecord php-cli php-pgsql python3-sqlalchemy python3-django libpostgresql-jdbc-java
    golang-go golang-github-lib-pq-dev golang-github-jackc-pgx-v4-dev librust-tokio-postgres-dev"
# What may be here without being Debian's: command=package.
test_commands="javac=default-jdk-headless cargo=cargo npm=npm"
bench="pgbouncer"
lint="cppcheck clang-format"

wanted=
unsafe_io=
for list in "$@"; do
	case $list in
	build) wanted="$wanted $build" ;;
	tests)
		# Hundreds of small packages for machines that test: dpkg waits for the disk once instead of for each file.
		unsafe_io="-o Dpkg::Options::=--force-unsafe-io"
		wanted="$wanted $tests"
		for pair in $test_commands; do
			command -v "${pair%=*}" > /dev/null || wanted="$wanted ${pair#*=}"
		done
		;;
	bench) wanted="$wanted $bench" ;;
	lint) wanted="$wanted $lint" ;;
	*)
		echo "deps.sh: no list is called \"$list\"" >&2
		exit 2
		;;
	esac
done

if ! command -v dpkg-query > /dev/null; then
	echo "deps.sh: this is not Debian; install these packages' counterparts yourself:" $wanted >&2
	exit 0
fi

# shellcheck disable=SC2086
present=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' $wanted 2> /dev/null | sed -n 's/^installed //p' | tr '\n' ' ')
missing=
for package in $wanted; do
	[ "$package" != node-pg ] || [ ! -d build/node/usr/share/nodejs/pg ] || continue
	case " $present" in
	*" $package "*) ;;
	*) missing="$missing $package" ;;
	esac
done
[ -n "$missing" ] || exit 0

# From here on as root.
if [ "$(id -u)" != 0 ]; then
	if ! command -v sudo > /dev/null; then
		echo "missing:$missing" >&2
		echo "run \"make deps\" as root, or install them yourself" >&2
		exit 1
	fi
	exec sudo sh "$0" "$@"
fi

policy=/usr/sbin/policy-rc.d
createcluster=/etc/postgresql-common/createcluster.conf
saved=$(mktemp -d)
policy_changed=
createcluster_changed=

restore() {
	if [ -n "$policy_changed" ]; then
		rm -f "$policy"
		[ ! -e "$saved/policy" ] || cp -a "$saved/policy" "$policy"
	fi
	if [ -n "$createcluster_changed" ]; then
		cp -a "$saved/createcluster" "$createcluster"
	fi
	rm -rf "$saved"
}
trap restore EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

keep_daemons_from_starting() {
	[ ! -e "$policy" ] || cp -a "$policy" "$saved/policy"
	policy_changed=1
	printf '#!/bin/sh\nexit 101\n' > "$policy"
	chmod 755 "$policy"
}

keep_clusters_from_being_created() {
	[ -e "$createcluster" ] || return 0
	cp -a "$createcluster" "$saved/createcluster"
	createcluster_changed=1
	echo "create_main_cluster = false" >> "$createcluster"
}

is_installed() {
	[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2> /dev/null)" = installed ]
}

install_packages() {
	# shellcheck disable=SC2086
	DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1 apt-get install -y -qq --no-install-recommends \
	    -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confold $unsafe_io "$@" < /dev/null > "$saved/log" 2>&1 || {
		tail -30 "$saved/log" >&2
		exit 1
	}
}

installed_kilobytes() {
	dpkg-query -W -f='${db:Status-Status} ${Installed-Size}\n' | awk '$1 == "installed" { sum += $2 } END { print sum + 0 }'
}

# A nodejs that is not Debian's (NodeSource's) cannot satisfy node-pg's dependencies, and its JavaScript runs there all
# the same: it is unpacked in build/node.
unpack_node_pg() {
	missing=$(echo "$missing" | sed 's/ node-pg\>//')
	mkdir -p build/node
	(cd build/node && apt-get download -qq node-pg node-split2 node-readable-stream node-xtend node-inherits \
	    node-string-decoder node-util-deprecate node-safe-buffer 2> /dev/null)
	for file in build/node/*.deb; do
		dpkg-deb -x "$file" build/node
		rm "$file"
	done
	[ -z "${SUDO_UID:-}" ] || chown -R "$SUDO_UID:$SUDO_GID" build
	echo "unpacked node-pg in build/node, beside the nodejs that is here"
}

echo "installing what is missing:$missing"
before=$(installed_kilobytes)
# shellcheck disable=SC2086
if ! apt-get install -s -qq --no-install-recommends $missing > /dev/null 2>&1; then
	apt-get update -qq
fi
case "$missing" in
*" node-pg"*) apt-get install -s -qq --no-install-recommends node-pg > /dev/null 2>&1 || unpack_node_pg ;;
esac
[ -n "$(echo $missing)" ] || exit 0
# shellcheck disable=SC2086
apt-get install --assume-no --no-install-recommends $missing 2> /dev/null < /dev/null |
	grep -E '^(Need to get|After this operation)' || true

keep_daemons_from_starting
is_installed postgresql-common || install_packages postgresql-common
keep_clusters_from_being_created
fresh_daemons=
for daemon in pgbouncer prometheus-pgbouncer-exporter slapd; do
	is_installed $daemon || fresh_daemons="$fresh_daemons $daemon"
done
# shellcheck disable=SC2086
install_packages $missing
# Their packages enable the services for the next boot.
for daemon in $fresh_daemons; do
	is_installed "$daemon" || continue
	deb-systemd-helper disable "$daemon.service" > /dev/null 2>&1 || true
	update-rc.d "$daemon" disable > /dev/null 2>&1 || true
done
after=$(installed_kilobytes)
echo "installed $(((after - before) / 1024)) MB"
