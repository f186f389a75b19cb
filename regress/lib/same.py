"""same.py - one program on a connection of its own and through a pool, whose answers must be the same.

    twins = Twins(app.primary, one, TimeZone="Asia/Tokyo")
    twins.run("begin", "set work_mem = '9MB'", "rollback", "show work_mem")

Between the statements another client of another kind uses the same server, unless a transaction holds it.
"""

from . import wire

# What the other client has: as much as possible that would be seen if it stayed.
OTHER = {"work_mem": "17MB", "TimeZone": "America/Lima", "DateStyle": "German, DMY", "search_path": "pg_catalog", "statement_timeout": "7min"}


def answer(result):
    """What a client sees of an answer."""
    error = result.error and tuple(result.error.fields.get(letter) for letter in "SCMDHP")
    reported = [m.texts() for m in result.messages if m.kind == b"S"]
    return {"names": result.names, "rows": result.rows, "tags": result.tags, "error": error, "status": result.messages[-1].body, "reported": reported}


class Twins:
    """A client of a host and one of a pgweir before it, who do the same."""

    def __init__(self, host, weir, database="app", disturb=True, user="postgres", **parameters):
        self.direct = host.client(database, user=user, **parameters)
        self.pooled = weir.client(database, user=user, **parameters)
        self.other = weir.client(database, user=user, **OTHER) if disturb else None
        self.told = [dict(c.parameters) for c in (self.direct, self.pooled)]

    def disturb(self):
        if self.other is not None and self.pooled.status == "I":
            assert self.other.query("show work_mem").rows == [("17MB",)]

    def ask(self, *messages):
        """Sends both the same messages; asserts equal answers, but for reports of what is known already.  Returns the direct one."""
        there, here = (client.ask(*messages) for client in (self.direct, self.pooled))
        expected, found = answer(there), answer(here)
        for told, one in zip(self.told, (expected, found)):
            told.update(one.pop("reported"))
        assert found == expected, f"for {messages}: {found}, not {expected}"
        self.same_reports()
        self.disturb()
        return there

    def same_reports(self):
        for name, value in self.told[0].items():
            assert self.told[1].get(name) == value, f"{name} was said to be {self.told[1].get(name)}, not {value}"

    def run(self, *statements):
        """Simple queries, one after the other; returns the rows of the last."""
        for sql in statements:
            last = self.ask(wire.query(sql))
        return last.rows

    def shows(self, *names):
        for name in names:
            # A name of a client's own making stays on the server, empty.
            self.run(f"select nullif(current_setting('{name}', true), '')")

    def close(self):
        for client in (self.direct, self.pooled, self.other):
            if client is not None:
                client.close()
