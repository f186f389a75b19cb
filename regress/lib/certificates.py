"""certificates.py - a certificate authority and what it has signed, made by the openssl program.

    certificates.server.cert, certificates.server.key     paths, readable by the nest's ordinary user
    certificates.issue("name", cn="postgres", days=1)     another one

Keys are elliptic, so that all of it takes a moment.  Needs openssl.
"""

import os
import subprocess

SERVER_NAMES = "DNS:localhost,DNS:db.example,IP:127.0.0.1"


class Certificate:
    """Paths of a certificate and its key."""

    def __init__(self, cert, key):
        self.cert, self.key = cert, key


def _openssl(*arguments):
    done = subprocess.run(["openssl", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, f"openssl {' '.join(arguments)}:\n{done.stdout}"
    return done.stdout


class Certificates:
    """What most tests need; each attribute is made at its first use."""

    def __init__(self, nest):
        self.nest = nest
        self.folder = nest.folder("certificates")
        self._made = {}

    def path(self, name):
        return os.path.join(self.folder, name)

    def _give(self, *paths):
        for path in paths:
            os.chmod(path, 0o600)
            self.nest.give(path)

    def self_signed(self, name, cn, authority=False, names=None):
        """A certificate that nobody but itself has signed."""
        cert, key = self.path(name + ".crt"), self.path(name + ".key")
        extensions = ["-addext", f"subjectAltName={names}"] if names else []
        kind = ["-addext", "basicConstraints=critical,CA:TRUE"] if authority else []
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
                 "-subj", f"/CN={cn}", "-keyout", key, "-out", cert, *extensions, *kind)
        self._give(cert, key)
        return Certificate(cert, key)

    def issue(self, name, cn, names=None, days=30, by=None, subject=None):
        """A certificate for that common name (or whole subject) and alternative names, signed by the authority."""
        by = by or self.ca
        cert, key, request = (self.path(name + end) for end in (".crt", ".key", ".csr"))
        _openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-utf8",
                 "-subj", subject or f"/CN={cn}", "-keyout", key, "-out", request)
        extensions = self.path(name + ".ext")
        with open(extensions, "w") as f:
            f.write(f"subjectAltName={names}\n" if names else "basicConstraints=CA:FALSE\n")
        _openssl("x509", "-req", "-in", request, "-CA", by.cert, "-CAkey", by.key, "-CAcreateserial", "-days", str(days),
                 "-extfile", extensions, "-out", cert)
        self._give(cert, key)
        return Certificate(cert, key)

    def _once(self, name, make):
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]

    @property
    def ca(self):
        return self._once("ca", lambda: self.self_signed("ca", "the authority", authority=True))

    @property
    def other_ca(self):
        return self._once("other_ca", lambda: self.self_signed("other_ca", "another authority", authority=True))

    @property
    def server(self):
        return self._once("server", lambda: self.issue("server", "a server", names=SERVER_NAMES))

    @property
    def second_server(self):
        """As good as `server`, and not the same."""
        return self._once("second", lambda: self.issue("second", "a second server", names=SERVER_NAMES))

    @property
    def wrong_host(self):
        return self._once("wrong_host", lambda: self.issue("wrong_host", "elsewhere", names="DNS:elsewhere.example"))

    @property
    def expired(self):
        return self._once("expired", lambda: self.issue("expired", "late", names=SERVER_NAMES, days=-1))

    @property
    def unknown(self):
        """A server's, signed by itself."""
        return self._once("unknown", lambda: self.self_signed("unknown", "a stranger", names=SERVER_NAMES))

    def client(self, user):
        return self._once("client " + user, lambda: self.issue("client-" + user, user))

    @property
    def expired_client(self):
        return self._once("expired_client", lambda: self.issue("expired-client", "postgres", days=-1))

    @property
    def foreign_client(self):
        """Of a good name, signed by an authority that nobody trusts."""
        return self._once("foreign", lambda: self.issue("foreign-client", "postgres", by=self.other_ca))
