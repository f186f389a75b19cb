#!/bin/sh
# Builds build/pgweir_<version>_<architecture>.deb from what `make install` puts in place.
set -eu
program=$1
version=$("$program" -V 2>&1 | sed -n '1s/[^0-9]*\([0-9][0-9.]*\).*/\1/p')
architecture=$(dpkg --print-architecture)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"

make install prefix=/usr unitdir=/lib/systemd/system DESTDIR="$root" > /dev/null
install -d "$root/DEBIAN" "$root/etc/pgweir"
strip --strip-unneeded "$root/usr/sbin/pgweir"
find "$root/usr/share/man" -type f -exec gzip -9n {} + 2> /dev/null || true

install -m 640 etc/pgweir.minimal.ini "$root/etc/pgweir/pgweir.ini"
: > "$root/etc/pgweir/userlist.txt"
chmod 640 "$root/etc/pgweir/userlist.txt"
printf '/etc/pgweir/%s\n' pgweir.ini userlist.txt > "$root/DEBIAN/conffiles"

# The packages of the libraries that it is linked with.
libraries=$(objdump -p "$root/usr/sbin/pgweir" | awk '$1 == "NEEDED" { print $2 }')
depends=$(for library in $libraries; do
	dpkg -S "*/$(gcc -print-multiarch)/$library" 2> /dev/null | head -1 | cut -d: -f1
done | sort -u | sed 's/$/, /' | tr -d '\n')

cat > "$root/DEBIAN/control" << CONTROL
Package: pgweir
Version: $version
Architecture: $architecture
Maintainer: the pgweir authors
Section: database
Priority: optional
Depends: ${depends}adduser
Description: PostgreSQL connection pooler and read/write router
 Many clients on few servers, reads on the replicas, writes on the primary.
CONTROL

cat > "$root/DEBIAN/postinst" << 'POSTINST'
#!/bin/sh
set -e
if [ "$1" = configure ]; then
	adduser --quiet --system --group --no-create-home --home /nonexistent pgweir
	chgrp pgweir /etc/pgweir/pgweir.ini /etc/pgweir/userlist.txt
fi
POSTINST
chmod 755 "$root/DEBIAN/postinst"

dpkg-deb --root-owner-group --build "$root" "build/pgweir_${version}_$architecture.deb"
