"""sockets.py - what the kernel knows of another process's sockets: options, queues, addresses.

A descriptor of the other process is copied (pidfd_getfd(2)) and asked here.
"""

import contextlib
import ctypes
import os
import socket
import struct

_PIDFD_OPEN, _PIDFD_GETFD = 434, 438
TCP_DEFER_ACCEPT, TCP_USER_TIMEOUT = 9, 18


def _syscall(*arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    answer = libc.syscall(*arguments)
    if answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return answer


def sockets_of(pid):
    """Copies of the sockets that the process has, as a list of socket.socket."""
    process = _syscall(_PIDFD_OPEN, pid, 0)
    try:
        found = []
        for entry in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{pid}/fd/{entry}").startswith("socket:"):
                    found.append(socket.socket(fileno=_syscall(_PIDFD_GETFD, process, int(entry), 0)))
        return found
    finally:
        os.close(process)


def is_listening(one):
    return bool(one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def listeners_of(pid, family=None):
    return [one for one in sockets_of(pid) if is_listening(one) and family in (None, one.family)]


def accepted_of(pid, port):
    """The TCP connections that came to this port."""
    found = []
    for one in sockets_of(pid):
        if one.family != socket.AF_UNIX and not is_listening(one) and one.getsockname()[1] == port:
            found.append(one)
    return found


def tcp_option(one, option):
    return one.getsockopt(socket.IPPROTO_TCP, option)


def backlog_of(one):
    """How many connections may wait to be accepted (tcpi_sacked of a listening socket)."""
    return struct.unpack_from("I", one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 28)[0]
