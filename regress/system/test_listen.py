"""Where clients come in: addresses, unix sockets, the options of sockets, and what happens when no descriptor is left."""

import grp
import os
import re
import socket
import stat

import pytest

from lib import wire
from lib.eventually import eventually
from lib.scene import value
from lib.sockets import TCP_DEFER_ACCEPT, TCP_USER_TIMEOUT, accepted_of, backlog_of, listeners_of, tcp_option


def path_of(one):
    return f"{one.folder}/.s.PGSQL.{one.port}"


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as one:
            one.bind(("::1", 0))
        return True
    except OSError:
        return False


# ---- addresses ------------------------------------------------------------------------


def test_every_address_of_the_list_is_listened_on(app):
    one = app.weir(listen_addr="127.0.0.1, 127.0.0.2 ,127.0.0.3")

    for address in ("127.0.0.1", "127.0.0.2", "127.0.0.3"):
        with wire.Client(one.port, address, database="app") as client:
            assert value(client, "select 1") == "1"
    assert f"listening on 127.0.0.3:{one.port}" in one.log


def test_a_star_is_every_address(app):
    one = app.weir(listen_addr="*")

    for address in ["127.0.0.1", "127.0.0.9"] + ["::1"] * has_ipv6():
        with wire.Client(one.port, address, database="app") as client:
            assert value(client, "select 1") == "1"


def test_an_ipv6_socket_takes_ipv6_alone(app):
    """So that 0.0.0.0 and :: can be listened on side by side."""
    if not has_ipv6():
        return
    one = app.weir(listen_addr="::1,127.0.0.1")

    (six,) = listeners_of(one.process.pid, socket.AF_INET6)

    assert six.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1
    with wire.Client(one.port, "::1", database="app") as client:
        assert value(client, "select 1") == "1"


def test_one_bad_address_is_a_warning(app):
    one = app.weir(listen_addr="127.0.0.1,192.0.2.77,nowhere.invalid").allow("cannot listen on", "cannot resolve")

    assert value(one.client("app"), "select 1") == "1"
    assert f"WARNING cannot listen on 192.0.2.77:{one.port}: bind: Cannot assign requested address" in one.log
    assert 'WARNING cannot resolve listen_addr "nowhere.invalid": ' in one.log


def test_bad_addresses_alone_are_fatal(app):
    one = app.weir(options={"start": False}, listen_addr="192.0.2.77,192.0.2.78")

    done = one.run()

    assert done.returncode == 1
    assert "FATAL failed to listen on any address in listen_addr list: 192.0.2.77,192.0.2.78" in done.stdout


def test_an_empty_list_is_the_unix_socket_alone(app):
    one = app.weir(options={"start": False}, listen_addr="").start(shared=True)

    assert value(one.client("app", unix=True), "select 1") == "1"
    assert listeners_of(one.process.pid, socket.AF_INET) == []


def test_an_empty_folder_is_tcp_alone(app):
    one = app.weir(unix_socket_dir="")

    assert value(one.client("app"), "select 1") == "1"
    assert listeners_of(one.process.pid, socket.AF_UNIX) == []


# ---- unix sockets ---------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["0777", "0770", "0700"])
def test_the_unix_socket_has_its_mode(app, mode):
    one = app.weir(options={"start": False}, unix_socket_mode=mode).start(shared=True)

    assert stat.S_IMODE(os.stat(path_of(one)).st_mode) == int(mode, 8)


def test_the_unix_socket_has_its_group(app, nest):
    group = grp.getgrgid(nest.user.pw_gid).gr_name
    one = app.weir(options={"start": False}, unix_socket_group=group).start(shared=True)

    assert os.stat(path_of(one)).st_gid == nest.user.pw_gid


@pytest.mark.parametrize("group, why", [("no-such-group", "unix_socket_group is unknown"), ("root", "unix_socket_group cannot be set")])
def test_a_group_that_cannot_be_given_is_fatal(app, group, why):
    """Otherwise others would be let in than those who were meant."""
    one = app.weir(options={"start": False}, unix_socket_group=group)

    done = one.run()

    assert done.returncode == 1
    assert re.search(rf"FATAL failed to create unix socket: {path_of(one)}: {why}: ", done.stdout)
    assert not os.path.exists(path_of(one))


def test_an_abstract_socket_has_no_file(app):
    one = app.weir(options={"start": False}, listen_addr="")
    name = f"@weir-{os.urandom(4).hex()}"
    one.write_config(app.config(listen_addr="", unix_socket_dir=name))
    one.start(wait=False)

    def connects():
        with socket.socket(socket.AF_UNIX) as raw:
            raw.connect(f"\0{name[1:]}/.s.PGSQL.{one.port}")
            raw.sendall(wire.startup(user="postgres", database="app"))
            return raw.recv(1) == b"R"

    assert eventually(connects)
    assert os.listdir(one.folder).count(f".s.PGSQL.{one.port}") == 0
    second = one.run()
    assert second.returncode == 1 and "unix socket is in use, cannot continue" in second.stdout


def test_a_lock_file_of_postgresql_s_is_respected(app, nest):
    one = app.weir(options={"start": False})
    nest.write(path_of(one) + ".lock", "1\n")

    done = one.run()

    assert done.returncode == 1
    assert f"FATAL unix port {one.port} is in use" in done.stdout


def test_a_path_that_is_too_long_is_fatal(app, nest):
    one = app.weir(options={"start": False}, unix_socket_dir=nest.folder("long" * 25))

    done = one.run()

    assert done.returncode == 1
    assert "FATAL failed to create unix socket" in done.stdout and "too long" in done.stdout


def test_the_socket_s_file_is_removed_at_the_end(app):
    one = app.weir(options={"start": False}).start(shared=True)
    assert os.path.exists(path_of(one))

    one.stop()

    assert not os.path.exists(path_of(one))


# ---- options of sockets ---------------------------------------------------------------


def test_the_backlog_is_a_setting(app):
    one = app.weir(listen_backlog=37)

    (listener,) = listeners_of(one.process.pid, socket.AF_INET)

    assert backlog_of(listener) == 37


def test_accepting_is_deferred_until_data_come_and_that_changes_at_reload(app):
    one = app.weir()
    assert [tcp_option(each, TCP_DEFER_ACCEPT) for each in listeners_of(one.process.pid, socket.AF_INET)] == [1]

    one.console("SET tcp_defer_accept = 0")

    assert [tcp_option(each, TCP_DEFER_ACCEPT) for each in listeners_of(one.process.pid, socket.AF_INET)] == [0]
    silent = wire.connect(one.port)
    assert eventually(lambda: accepted_of(one.process.pid, one.port))
    silent.close()


KEEPALIVE = [socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, TCP_USER_TIMEOUT]


def options_of(one):
    (accepted,) = accepted_of(one.process.pid, one.port)
    alive = accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    return [alive, accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), *(tcp_option(accepted, o) for o in KEEPALIVE)]


def test_clients_sockets_have_the_tcp_settings(app):
    one = app.weir(tcp_keepidle=11, tcp_keepintvl=12, tcp_keepcnt=3, tcp_user_timeout=14000, tcp_socket_buffer=50000)
    client = one.client("app")

    assert options_of(one) == [1, 1, 11, 12, 3, 14000]
    (accepted,) = accepted_of(one.process.pid, one.port)
    assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 100000
    client.close()


def test_the_tcp_settings_change_for_those_who_come_later(app):
    one = app.weir(tcp_keepidle=11, tcp_keepintvl=12, tcp_keepcnt=3, tcp_user_timeout=14000)
    with socket.socket() as untouched:
        usual = [tcp_option(untouched, option) for option in KEEPALIVE]

    one.write_config(app.config(tcp_keepalive=0, tcp_keepidle=21)).reload()
    eventually(lambda: one.show("CONFIG", key="tcp_keepidle")[0]["value"] == "21")
    eventually(lambda: accepted_of(one.process.pid, one.port) == [])
    client = one.client("app")

    assert options_of(one) == [0, 1, 21, *usual[1:]]
    client.close()


# ---- no descriptor left ---------------------------------------------------------------


def limit_descriptors(nest, one, count):
    nest.run(["prlimit", f"--pid={one.process.pid}", f"--nofile={count}:"])


def test_accepting_rests_when_no_descriptor_is_left_and_goes_on_after_five_seconds(app, nest):
    one = app.weir().allow("accept\\(\\) failed")
    client = one.client("app")
    assert value(client, "select 1") == "1"
    used = max(int(fd) for fd in os.listdir(f"/proc/{one.process.pid}/fd")) + 1

    limit_descriptors(nest, one, used)
    late = wire.Client(one.port, database="app", login=False)
    late.send(wire.startup(user="postgres", database="app"))
    eventually(lambda: "accept() failed: Too many open files; accepting no connections for 5 seconds" in one.log)
    assert value(client, "select 1") == "1"
    limit_descriptors(nest, one, 1000)

    late.log_in()
    assert value(late, "select 1") == "1"
    assert one.log.count("accept() failed") == 1


# ---- settings that need a restart -----------------------------------------------------

OTHERWISE = {
    "disable_pqexec": 1,
    "listen_addr": "127.0.0.2",
    "listen_backlog": 64,
    "listen_port": 1,
    "pidfile": "/tmp/other.pid",
    "so_reuseport": 1,
    "track_extra_parameters": "search_path",
    "unix_socket_dir": "/tmp/other",
    "unix_socket_group": "nogroup",
    "unix_socket_mode": "0700",
    "user": "nobody",
    "workers": 1,
}


def test_a_reload_names_each_setting_that_needs_a_restart(app):
    one = app.weir().allow("cannot be changed without a restart")
    before = {row["key"]: row["value"] for row in one.show("CONFIG")}
    port = one.port

    one.write_config(app.config(**OTHERWISE)).reload()

    for key in OTHERWISE:
        eventually(lambda: f'WARNING parameter "{key}" cannot be changed without a restart' in one.log)
    one.port = port
    after = {row["key"]: row["value"] for row in one.show("CONFIG")}
    assert {key: after[key] for key in OTHERWISE} == {key: before[key] for key in OTHERWISE}


def test_settings_that_need_a_restart_say_so_in_show_config(app):
    one = app.weir()

    fixed = {row["key"] for row in one.show("CONFIG", changeable="no")}

    assert set(OTHERWISE) | {"job_name", "pkt_buf", "resolv_conf"} <= fixed
    assert not fixed & {"peer_id", "tcp_defer_accept", "syslog", "logfile", "verbose"}
