"""slapd.py - an LDAP server for tests: OpenLDAP's slapd on loopback, of an ordinary user, in the nest's folder.

    directory = Slapd(nest)
    directory.url                 "ldap://127.0.0.1:PORT"
    directory.pause()             it answers nothing, and connections are still taken
    directory.close()

Who is in it: PEOPLE below BASE.  The password of each is "of <uid>"; nobody may search but READER, with READER_PASSWORD.
"""

import os
import signal
import socket
import subprocess

from .eventually import eventually
from .nest import free_port

BASE = "dc=example,dc=net"
READER = f"cn=reader,{BASE}"
READER_PASSWORD = 'reads, "all" of it'
PEOPLE = ("alice", "bob", "o,u=people", "star*", "twin", "twin2")

CONFIG = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/slapd.pid
TLSCACertificateFile {folder}/slapd.crt
TLSCertificateFile {folder}/slapd.crt
TLSCertificateKeyFile {folder}/slapd.key
database mdb
maxsize 10485760
dbnosync
suffix "{base}"
directory {folder}/db
access to attrs=userPassword by anonymous auth
access to * by dn.exact="{reader}" read by anonymous auth
"""


def password_of(uid):
    return f"of {uid}"


def _escaped(text):
    return text.replace(",", "\\2c").replace("=", "\\3d")


def _ldif():
    yield f"dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\no: example\ndc: example\n"
    yield f"dn: {READER}\nobjectClass: person\ncn: reader\nsn: reader\nuserPassword: {READER_PASSWORD}\n"
    for uid in PEOPLE:
        mail = "twin" if uid.startswith("twin") else uid
        yield (
            f"dn: uid={_escaped(uid)},{BASE}\nobjectClass: inetOrgPerson\ncn: {uid}\nsn: {uid}\nuid: {uid}\n"
            f"mail: {mail}@example.net\nuserPassword: {password_of(uid)}\n"
        )


class Slapd:
    """One process; attributes: port, url, folder, certificate."""

    def __init__(self, nest):
        self.nest, self.folder, self.port = nest, nest.folder("slapd"), free_port()
        self.url = f"ldap://127.0.0.1:{self.port}"
        self.certificate = f"{self.folder}/slapd.crt"
        self._config = f"{self.folder}/slapd.conf"
        nest.folder("slapd/db")
        self._make_certificate()
        nest.write(self._config, CONFIG.format(folder=self.folder, base=BASE, reader=READER))
        nest.write(f"{self.folder}/people.ldif", "\n".join(_ldif()))
        nest.run(["/usr/sbin/slapadd", "-q", "-f", self._config, "-l", f"{self.folder}/people.ldif"], timeout=30)
        self.start()

    def _make_certificate(self):
        key = f"{self.folder}/slapd.key"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
             "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", self.certificate],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=30,
        )
        self.nest.give(key)
        self.nest.give(self.certificate)

    def start(self):
        command = ["/usr/sbin/slapd", "-d", "0", "-h", self.url, "-f", self._config]
        self.process = self.nest.spawn(command, log=f"{self.folder}/slapd.log")
        eventually(self._listens)

    def _listens(self):
        with socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True

    def stop(self):
        self.process.kill()
        self.process.wait()

    def pause(self):
        os.kill(self.process.pid, signal.SIGSTOP)

    def resume(self):
        os.kill(self.process.pid, signal.SIGCONT)
