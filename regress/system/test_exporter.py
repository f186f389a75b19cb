"""Prometheus: Debian's prometheus-pgbouncer-exporter scrapes the console."""

import re
import subprocess
import urllib.request

import pytest

from lib.eventually import eventually
from lib.nest import free_port

# Debian 12 ships an exporter that knows the columns of PgBouncer 1.7, and so ends at once with a KeyError before the
# PgBouncer of the same Debian.  Two columns have had other names since 1.8 and 1.24; the rest of the program is as it is.
RENAMED = """
from prometheus_pgbouncer_exporter import cli, collectors
collectors.StatsCollector.metrics["total_query_count"] = collectors.StatsCollector.metrics.pop("total_requests")
collectors.DatabasesCollector.metrics["reserve_pool_size"] = collectors.DatabasesCollector.metrics.pop("reserve_pool")
cli.main()
"""

# What it exports of PgBouncer 1.18: a metric and its labels.
EXPORTED = {
    "pgbouncer_requests_total": ["database"],
    "pgbouncer_received_bytes_total": ["database"],
    "pgbouncer_sent_bytes_total": ["database"],
    "pgbouncer_query_microseconds_total": ["database"],
    "pgbouncer_active_clients": ["database", "user"],
    "pgbouncer_waiting_clients": ["database", "user"],
    "pgbouncer_pool_size": ["database"],
    "pgbouncer_reserve_pool": ["database"],
    "pgbouncer_databases": [],
    "pgbouncer_users": [],
    "pgbouncer_pools": [],
    "pgbouncer_free_clients": [],
    "pgbouncer_used_clients": [],
    "pgbouncer_login_clients": [],
    "pgbouncer_free_servers": [],
    "pgbouncer_used_servers": [],
    "pgbouncer_dns_names": [],
    "pgbouncer_dns_zones": [],
    "pgbouncer_dns_queries": [],
    "pgbouncer_dns_pending": [],
}


class Exporter:
    def __init__(self, nest, weir, user):
        self.port, self.log_path = free_port(), f"{weir.folder}/exporter.log"
        arguments = {
            "host": "127.0.0.1",
            "port": self.port,
            "pgbouncer-host": weir.address,
            "pgbouncer-port": weir.port,
            "pgbouncer-user": user,
        }
        options = [word for name, value in arguments.items() for word in (f"--{name}", str(value))]
        self.process = nest.spawn(["/usr/bin/python3", "-c", RENAMED, *options], log=self.log_path)

    @property
    def log(self):
        with open(self.log_path) as f:
            return f.read()

    def scrape(self):
        """{metric: {(label values): number}} of the metrics of PgBouncer."""
        assert self.process.poll() is None, self.log
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        found = {}
        for line in lines:
            m = re.fullmatch(r"(pgbouncer_\w+)(?:\{(.*)\})? (\S+)", line)
            if m:
                labels = tuple(sorted(re.findall(r'(\w+)="([^"]*)"', m[2] or "")))
                found.setdefault(m[1], {})[labels] = float(m[3])
        return found

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def exporter(app, nest):
    """exporter(**settings): a pgweir that has served something, and the exporter as its user who may only look."""
    made = []

    def make(**settings):
        one = app.weir(secrets={"postgres": "", "watcher": ""}, stats_users="watcher", **settings)
        made.append(Exporter(nest, one, "watcher"))
        return one, made[-1]

    yield make
    for one in made:
        one.stop()


def test_every_metric_of_pgbouncers_is_exported_with_its_labels(exporter):
    one, scraper = exporter()
    one.client("app").query("select 1")

    metrics = eventually(scraper.scrape)

    assert {name: [label for label, _ in next(iter(rows))] for name, rows in metrics.items()} == EXPORTED
    assert {labels[0][1] for labels in metrics["pgbouncer_requests_total"]} == {"app", "pgbouncer"}
    assert "Traceback" not in scraper.log and "ERROR" not in scraper.log


def test_the_exported_numbers_are_the_consoles(exporter):
    one, scraper = exporter(default_pool_size=7, reserve_pool_size=3)
    clients = [one.client("app") for _ in range(3)]
    for client in clients:
        client.query("select 1")

    metrics = eventually(scraper.scrape)

    database = (("database", "app"),)
    assert metrics["pgbouncer_requests_total"][database] == 3
    assert metrics["pgbouncer_pool_size"][database] == 7 and metrics["pgbouncer_reserve_pool"][database] == 3
    assert metrics["pgbouncer_active_clients"][(("database", "app"), ("user", "postgres"))] == 3
    assert metrics["pgbouncer_used_clients"][()] == 4
    assert metrics["pgbouncer_used_servers"][()] == one.show("LISTS", list="used_servers")[0]["items"]
