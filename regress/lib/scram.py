"""scram.py - the scripted server's side of SCRAM-SHA-256: right, or with something wrong in it."""

import base64
import hashlib
import hmac

from . import wire

SECRET = "secret"


class Scram:
    """The server's side of SCRAM-SHA-256, with something wrong in it."""

    def __init__(self, session, nonce=lambda n: n + "server", salt=b"salt", iterations="4096", first=None, final=None):
        self.session, self.salt, self.iterations = session, salt, iterations
        self.nonce, self.first, self.final = nonce, first, final

    def begin(self):
        self.session.read_startup()
        self.session.send(wire.auth_sasl("SCRAM-SHA-256"))
        body = self.session.read().body
        self.bare = body[body.index(b"\0") + 5 + 3 :].decode()
        own = self.bare.split("r=")[1]
        salt = base64.b64encode(self.salt).decode()
        self.server_first = f"r={self.nonce(own)},s={salt},i={self.iterations}" if self.first is None else self.first
        self.session.send(wire.auth_sasl_continue(self.server_first.encode()))

    def finish(self):
        answer = self.session.read()
        if answer.kind == b"X":
            raise wire.Closed("pgweir has seen what was wrong")
        proof = answer.body.decode()
        salted = hashlib.pbkdf2_hmac("sha256", SECRET.encode(), self.salt, int(self.iterations))
        said = f"{self.bare},{self.server_first},{proof[: proof.rindex(',p=')]}"
        key = hmac.digest(salted, b"Server Key", "sha256")
        signature = base64.b64encode(hmac.digest(key, said.encode(), "sha256"))
        self.session.send(wire.auth_sasl_final(b"v=" + signature if self.final is None else self.final))
        self.session.send(wire.auth_ok(), wire.parameter_status("server_version", "15.0"), wire.ready())


def scram(**wrong):
    def script(session):
        exchange = Scram(session, **wrong)
        exchange.begin()
        exchange.finish()
        session.serve()

    return script
