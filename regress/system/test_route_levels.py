"""Who says where statements go: hint, SET, startup option, user, database, all; and entries that are typed by role."""

import pytest

from lib import wire
from lib.eventually import eventually
from lib.routes import DATABASE, Routes

READ = "select count(*) from notes"
ROLES = ("primary", "replica")


@pytest.fixture
def routes(cluster, pgweir):
    return Routes(cluster, pgweir)


def role_of(routes, client, text="/* {word} */ " + READ, ask=lambda c, sql: c.ask(wire.query(sql))):
    """The role of the host that a read of this client runs on."""
    seen, word = routes.watch(), routes.word()
    result = ask(client, text.format(word=word))
    assert result.error is None
    return "primary" if seen.on(word) == {routes.primary} else "replica"


def prepared(client, sql):
    """Judged where it is bound, in another batch than it was parsed in."""
    client.ask(wire.parse(sql, "p"), wire.close("S", "p"), wire.parse(sql, "p"), wire.sync())
    result = client.ask(wire.bind(name="p"), wire.execute(), wire.sync())
    client.ask(wire.close("S", "p"), wire.sync())
    return result


def other(role):
    return "replica" if role == "primary" else "primary"


@pytest.mark.parametrize("role", ROLES)
def test_each_level_is_stronger_than_those_below_it(routes, role):
    """From the weakest up: every level says the opposite of the one before, and wins."""
    found = []
    options = {"options": f"-c pgweir.route={role}"}
    hint = "/* pgweir: {} */ /* {{word}} */ " + READ

    weir = routes.weir(keys={"route": None}, route=role)
    with weir.client(DATABASE) as client:
        found.append(eventually(lambda: role_of(routes, client)))
    weir = routes.weir(keys={"route": other(role)}, route=role)
    with weir.client(DATABASE) as client:
        found.append(role_of(routes, client))
    weir = routes.weir(keys={"route": role}, users={"postgres": f"route={other(role)}"})
    with weir.client(DATABASE) as client, weir.client(DATABASE, **options) as chosen:
        found += [role_of(routes, client), role_of(routes, chosen)]
        chosen.query(f"set pgweir.route = '{other(role)}'")
        found.append(role_of(routes, chosen))
        found.append(role_of(routes, chosen, hint.format(role)))
        found.append(role_of(routes, chosen))
        chosen.query("reset pgweir.route")
        found.append(role_of(routes, chosen))

    assert found == [role, other(role), other(role), role, other(role), role, other(role), role]


@pytest.mark.parametrize("route", ["primary", "replica", "prefer-replica", "split"])
def test_a_hint_decides_whatever_the_route(routes, route):
    weir = routes.weir(keys={"route": route})
    texts = [(role, text.format(role)) for role in ROLES for text in (f"/* pgweir: {{}} */ /* {{{{word}}}} */ {READ}", f"/* {{{{word}}}} */ {READ} -- PGWEIR: {{}}")]

    with weir.client(DATABASE) as client:
        eventually(lambda: role_of(routes, client) == ("primary" if route == "primary" else "replica"))
        found = [(role, role_of(routes, client, text)) for role, text in texts]
        found += [(role, role_of(routes, client, text, prepared)) for role, text in texts]

    assert [role for role, _ in found] == [role for _, role in found]


def test_a_batch_goes_to_a_replica_by_hints_only_if_all_of_it_has_them(routes):
    weir = routes.weir(keys={"route": "primary"})
    seen = routes.watch()

    def batch(*statements):
        return [m for sql in statements for m in (wire.parse(sql), wire.bind(), wire.execute())] + [wire.sync()]

    with weir.client(DATABASE) as client:
        hinted, plain = f"/* pgweir: replica */ /* {{}} */ {READ}", f"/* {{}} */ {READ}"
        results = [
            client.ask(*batch(hinted.format("all"), hinted.format("all"))),
            client.ask(*batch(hinted.format("some"), plain.format("some"))),
        ]
        client.send(wire.query(hinted.format("first")), wire.query("insert into hits values (1)"), wire.query(plain.format("third")))
        results += [wire.Result(client.read_until(b"Z")) for _ in range(3)]

    assert [r.error for r in results] == [None] * 5
    assert seen.on("all") <= routes.replicas
    assert seen.on("first") <= routes.replicas
    assert seen.on("some") == seen.on("third") == {routes.primary}


def test_a_user_is_routed_where_the_entry_is_not(routes):
    """Of an entry with several hosts, which are equals for all others."""
    weir = routes.weir(keys={"route": None}, users={"postgres": "route=split"}, ready=False)
    with weir.client(DATABASE) as client:
        eventually(lambda: routes.splits(weir))

        found = role_of(routes, client), client.query("show pgweir.route").rows[0][0]

    assert found == ("replica", "split")


def test_entries_may_be_typed_by_role(routes):
    """As pools of old: one entry for writers, one for readers, on the same hosts."""
    weir = routes.weir(keys={"route": "primary"})
    routes.add(weir, f"{DATABASE}_ro", target_session_attrs="standby")
    seen = routes.watch()

    with weir.client(DATABASE) as writer, eventually(lambda: weir.client(f"{DATABASE}_ro")) as reader:
        for _ in range(4):
            writer.query(f"/* rw */ {READ}")
            reader.query(f"/* ro */ {READ}")
        refused = reader.ask(wire.query("insert into hits values (1)")).error

    assert seen.on("rw") == {routes.primary}
    assert seen.on("ro") and seen.on("ro") <= routes.replicas
    assert refused.sqlstate == "25006"


def test_a_session_that_keeps_its_server_is_not_split(routes):
    weir = routes.weir(pool_mode="session", ready=False)
    seen = routes.watch()

    with weir.client(DATABASE) as client:
        client.query("set pgweir.route_notice = on")
        said = [n["M"] for n in client.query(f"/* one */ {READ}").notices if n["M"].startswith("pgweir:")]
        client.query("insert into hits values (1)")

    assert seen.on("one") == {routes.primary}
    assert said[-1].endswith("(session_mode)")
    assert weir.show("ROUTES", database=DATABASE, reason="session_mode")
