"""pieces.py - bytes that arrive in pieces: each is read by the other side before the next one is sent.

Needs unix sockets, whose kernel tells how much the peer has not read yet.
"""

import array
import fcntl
import os
import termios
import time


def unread(sock):
    """How many bytes (in the kernel's measure) the other side of the unix socket has not read yet."""
    count = array.array("i", [0])
    fcntl.ioctl(sock, termios.TIOCOUTQ, count)
    return count[0]


def wait_until_read(sock, within=10.0):
    deadline = time.monotonic() + within
    while unread(sock) > 0:
        if time.monotonic() > deadline:
            raise AssertionError("the other side does not read")
        os.sched_yield()


def send_in_pieces(wire, data, *cuts):
    """Sends data cut at these places (a wire.Wire over a unix socket)."""
    edges = [0, *cuts, len(data)]
    for start, end in zip(edges, edges[1:]):
        wire.socket.sendall(data[start:end])
        wait_until_read(wire.socket)
