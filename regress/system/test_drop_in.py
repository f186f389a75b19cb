"""A team that runs PgBouncer keeps its files: as Debian ships them, and with every key that there is."""

import re

from lib.scene import value

DEBIANS_INI = "/etc/pgbouncer/pgbouncer.ini"

# Where a test may not write, or others may listen, the file gets another place; nothing else is changed.
PLACES = {
    r"/var/log/postgresql/": "{folder}/",
    r"/var/run/postgresql/pgbouncer\.pid": "{folder}/pgbouncer.pid",
    r"/var/run/postgresql": "{folder}",
    r"/etc/pgbouncer/userlist\.txt": "{users}",
    r"^listen_port = 6432": "listen_port = {port}",
}

# Every key of PgBouncer's main section, at a value that is not its default, or at what a test can live with.
MAIN = """
logfile = {folder}/weir.log
pidfile = {folder}/weir.pid
listen_addr = 127.0.0.1
listen_port = {port}
listen_backlog = 64
unix_socket_dir = {folder}
unix_socket_mode = 0770
unix_socket_group =
user =
job_name = bouncer
admin_users = postgres, admin
stats_users = stats
application_name_add_host = 1
auth_dbname = app
auth_file = {users}
auth_hba_file =
auth_ident_file =
auth_ldap_options =
auth_query = SELECT usename, passwd FROM pg_shadow WHERE usename=$1
auth_type = trust
auth_user = postgres
autodb_idle_timeout = 1800
cancel_wait_timeout = 5
client_idle_timeout = 3600
client_login_timeout = 30
client_tls_sslmode = allow
client_tls_ca_file = {ca}
client_tls_cert_file = {cert}
client_tls_key_file = {key}
client_tls_ciphers = secure
client_tls13_ciphers = TLS_AES_256_GCM_SHA384
client_tls_dheparams = legacy
client_tls_ecdhcurve = prime256v1
client_tls_protocols = tlsv1.2, tlsv1.3
default_pool_size = 7
disable_pqexec = 0
dns_max_ttl = 10
dns_nxdomain_ttl = 10
dns_zone_check_period = 60
idle_transaction_timeout = 600
ignore_startup_parameters = extra_float_digits, options
log_connections = 1
log_disconnections = 1
log_pooler_errors = 1
log_stats = 1
login_notify_message =
max_client_conn = 300
max_db_client_connections = 250
max_db_connections = 40
max_packet_size = 1073741824
max_prepared_statements = 100
max_user_client_connections = 250
max_user_connections = 40
min_pool_size = 1
peer_id = 0
pkt_buf = 8192
pool_mode = transaction
pool_idle_timeout = 60
query_timeout = 600
query_wait_notify = 10
query_wait_timeout = 60
reserve_pool_size = 2
reserve_pool_timeout = 3.5
resolv_conf =
sbuf_loopcnt = 10
scram_iterations = 2048
server_check_delay = 20
server_check_query = select 1
server_connect_timeout = 10
server_fast_close = 1
server_idle_timeout = 300
server_lifetime = 1800
server_login_retry = 5
server_reset_query = DISCARD ALL
server_reset_query_always = 0
server_round_robin = 1
server_tls_sslmode = prefer
server_tls_ca_file = {ca}
server_tls_cert_file = {cert}
server_tls_key_file = {key}
server_tls_ciphers = fast
server_tls13_ciphers = TLS_AES_128_GCM_SHA256
server_tls_protocols = all
so_reuseport = 0
stats_period = 30
suspend_timeout = 5
syslog = 0
syslog_facility = local0
syslog_ident = bouncer
tcp_defer_accept = 1
tcp_keepalive = 1
tcp_keepcnt = 3
tcp_keepidle = 60
tcp_keepintvl = 10
tcp_socket_buffer = 0
tcp_user_timeout = 30000
track_extra_parameters = IntervalStyle, search_path
transaction_timeout = 3600
verbose = 0
"""

DATABASE = (
    "dbname=app host=127.0.0.1 port={server} user=postgres password='' "
    "auth_user=postgres auth_dbname=app auth_query='SELECT usename, passwd FROM pg_shadow WHERE usename=$1' "
    "client_encoding=UTF8 datestyle=ISO timezone=UTC application_name=entry pool_size=5 min_pool_size=1 "
    "reserve_pool_size=2 connect_query='select 1' pool_mode=transaction query_wait_timeout=30 "
    "load_balance_hosts=round-robin max_db_connections=20 max_db_client_connections=100 server_lifetime=600"
)
USER = (
    "pool_mode=session pool_size=3 reserve_pool_size=1 max_user_connections=10 max_user_client_connections=50 "
    "query_timeout=30 query_wait_timeout=20 idle_transaction_timeout=60 transaction_timeout=120 client_idle_timeout=600"
)


def debians_file():
    with open(DEBIANS_INI) as f:
        text = f.read()
    for pattern, place in PLACES.items():
        text, found = re.subn(pattern, place, text, flags=re.M)
        assert found, pattern
    return text


def reloads(weir, **options):
    """Reloads; True when the log tells of it and of nothing that was wrong."""
    before = weir.log.count("RELOAD command issued")
    with weir.client("pgbouncer", **options) as console:
        console.query("RELOAD")
    return weir.log.count("RELOAD command issued") == before + 1 and not weir.warnings()


def test_debians_pgbouncer_ini_starts_and_reloads_without_a_complaint(app):
    file = debians_file().replace("[databases]\n", f"[databases]\napp = host=127.0.0.1 port={app.primary.port}\n")
    file = file.replace("[pgbouncer]\n", "[pgbouncer]\nadmin_users = postgres\n")

    one = app.weir_of(file, {"postgres": "secret"})

    client = one.client("app", secret="secret")
    assert value(client, "select 1") == "1"
    assert reloads(one, secret="secret")


def test_a_file_with_every_key_of_pgbouncer_starts_and_reloads_without_a_complaint(app, certificates):
    entry = DATABASE.replace("password=''", "").replace("{server}", str(app.primary.port))
    file = f"[databases]\napp = {entry}\n[users]\npostgres = {USER}\n[peers]\n[pgbouncer]\n{MAIN}"
    paths = {"ca": certificates.ca.cert, "cert": certificates.server.cert, "key": certificates.server.key}
    for name, path in paths.items():
        file = file.replace("{" + name + "}", path)

    one = app.weir_of(file, {"postgres": ""})

    assert value(one.client("app"), "show application_name").startswith("app - 127.0.0.1:")
    assert reloads(one)
    shown = {row["key"]: row["value"] for row in one.show("CONFIG")}
    said = dict(re.findall(r"^(\w+) = ?(.*)$", MAIN, re.M))
    assert set(said) <= set(shown)
    wrong = {k: shown[k] for k, v in said.items() if v and "{" not in v and k != "unix_socket_mode" and shown[k] != v}
    assert not wrong
