"""doubles.py - a resolver whose answers a test decides, and a record of socket options: doubles.c by LD_PRELOAD.

    doubles = Doubles(nest)
    doubles.say({"db.test": ["127.0.0.2", "127.0.0.3"], "gone.test": []})
    one = app.weir(options={"prefix": doubles.prefix}, databases={"fake": "host=db.test port=5432"})
    doubles.lookups("db.test")
"""

import itertools
import os
import shutil
import subprocess

from .cluster import ROOT

_numbers = itertools.count(1)


class Doubles:
    def __init__(self, nest):
        self.nest = nest
        folder = nest.folder(f"doubles{next(_numbers)}")
        self.hosts_path, self.calls_path = f"{folder}/hosts", f"{folder}/calls"
        nest.write(self.calls_path, "", 0o666)
        self.say({})
        variables = {"LD_PRELOAD": self._library(), "DOUBLES_HOSTS": self.hosts_path, "DOUBLES_CALLS": self.calls_path}
        self.prefix = ["env", *(f"{name}={value}" for name, value in variables.items())]

    def _library(self):
        made = f"{self.nest.path}/doubles.so"
        if not os.path.exists(made):
            compiler = next(c for c in ("cc", "gcc", "clang") if shutil.which(c))
            source = os.path.join(ROOT, "regress", "lib", "doubles.c")
            subprocess.run([compiler, "-O1", "-fPIC", "-shared", "-o", made + ".new", source, "-ldl"], check=True)
            os.chmod(made + ".new", 0o755)
            os.rename(made + ".new", made)
        return made

    def say(self, hosts):
        """Replaces what is known: name → addresses; the word "slowly" among them takes a tenth of a second."""
        lines = "".join(" ".join([name, *addresses]) + "\n" for name, addresses in hosts.items())
        self.nest.write(self.hosts_path + ".new", lines, 0o644)
        os.rename(self.hosts_path + ".new", self.hosts_path)
        return self

    def calls(self):
        with open(self.calls_path) as f:
            return [line.split() for line in f]

    def lookups(self, name):
        """How often the name was asked for."""
        return sum(1 for what, host, _ in self.calls() if what == "lookup" and host == name)

    def options(self, port):
        """"level/name" → value, of the sockets that are connected to that port."""
        return {what: int(value) for what, peer, value in self.calls() if peer == str(port)}
