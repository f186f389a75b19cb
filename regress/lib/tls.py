"""tls.py - TLS clients of a pgweir, by the thousand, and by hand.

    one = tls_client(weir, "app")                a wire.Client whose socket is an ssl.SSLSocket
    raw = tls_socket(weir)                       just the socket
"""

import socket
import ssl
import struct

from . import wire


def client_context(direct=False, **settings):
    """A context that believes every server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if direct:
        context.set_alpn_protocols(["postgresql"])
    for name, value in settings.items():
        setattr(context, name, value)
    return context


def tls_socket(weir, context=None, direct=False, timeout=wire.TIMEOUT):
    """Connects and asks for TLS (or begins it at once); returns the ssl.SSLSocket."""
    sock = wire.connect(weir.port, weir.address, timeout)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not direct:
        sock.sendall(wire.ssl_request())
        answer = sock.recv(1)
        if answer != b"S":
            sock.close()
            raise wire.Closed(f"TLS was answered with {answer!r}")
    try:
        return (context or client_context(direct)).wrap_socket(sock)
    except BaseException:
        sock.close()
        raise


class TlsClient(wire.Client):
    """A wire.Client over TLS."""

    def __init__(self, weir, database="postgres", user="postgres", secret=None, context=None, direct=False, login=True):
        self.weir = weir
        wire.Wire.__init__(self, tls_socket(weir, context, direct))
        self.host, self.port, self.user, self.secret = weir.address, weir.port, user, secret
        self.parameters, self.pid, self.key, self.status, self.negotiated = {}, None, None, None, None
        if login:
            try:
                self.send(wire.startup(user=user, database=database))
                self.log_in()
            except BaseException:
                self.close()
                raise


def vanish(client):
    """The socket goes with a reset, and TLS is not told."""
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.Wire.close(client)
