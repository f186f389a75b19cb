#!/usr/bin/python3
"""lint.py - the rules of the house that no compiler knows.

- An include may only point to the same layer or down (RANKS).
- A library has one door (DOORS).
- Every header compiles alone.
- Every setting that acts is set by some test.
- Somebody reads each field of the structs that have many (WIDE).
- No test sleeps.
- No file is longer than LONGEST, no forbidden call, no unfinished note.
Prints `file:line: what is wrong`; exit code 1 if there is something.
"""

import glob
import os
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# layer → rank; layers of one rank do not know each other.  tables/ is for everyone.
RANKS = {
    "base": 0,
    "observe": 1,
    "config": 2,
    "net": 3,
    "protocol": 3,
    "cluster": 4,
    "route": 4,
    "auth": 4,
    "pool": 5,
    "session": 6,
    "admin": 7,
    "main": 8,
}

# library header → the places (layer, or layer/stem) that may include it
DOORS = {
    r"uv\.h": ("net", "cluster/probe", "cluster/addresses"),
    r"openssl/.*": ("net/tls", "auth/crypto"),
    r"(stringprep|idna)\.h": ("auth/crypto",),
    r"libpq-fe\.h": ("cluster",),
    r"ini\.h": ("config/ini",),
    r"regex\.h": ("config/pattern",),
    r"(pg_query|postgres|nodes/|utils/).*": ("route/parse",),
    r"microhttpd\.h": ("admin/http",),
    r"uthash\.h": ("base/map",),
    r"systemd/.*": ("main",),
    r"security/pam.*\.h": ("auth/pam",),
    r"ldap\.h": ("auth/ldap",),
}
# Layers that know neither sockets nor the clock.
PURE = ("base", "config", "protocol", "auth", "route")
IMPURE = r"(sys/socket|netinet/.*|arpa/inet|netdb|poll|sys/epoll)\.h"

LONGEST = 600
FORBIDDEN = re.compile(r"\b(strcpy|strcat|strlcat|sprintf|vsprintf|gets|alloca|strtok|atoi|atol)\s*\(")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX)\b")
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')


def place_of(path):
    """("pool", "pool/ledger") of src/pool/ledger.c and of include/pool/ledger.h."""
    layer, name = path.split("/")[1:3]
    return layer, f"{layer}/{os.path.splitext(name)[0]}"


def may_include(layer, other):
    if other == "tables" or other == layer:
        return True
    if layer == "tables":
        return False
    return RANKS[other] < RANKS[layer]


def check_include(path, number, quoted, name):
    layer, place = place_of(path)
    where = f"{path}:{number}"
    if quoted:
        other = name.split("/")[0]
        if "/" not in name:
            # A private header beside the file.
            beside = os.path.join(os.path.dirname(path), name)
            return [] if os.path.exists(beside) else [f'{where}: write the layer: "layer/{name}"']
        if other not in RANKS and other != "tables":
            return [f'{where}: "{other}" is no layer']
        if not may_include(layer, other):
            return [f"{where}: {layer}/ may not include {name}: arrows point down"]
        if other != layer and not os.path.exists(f"include/{name}"):
            return [f"{where}: {name} is private to {other}/"]
        return []
    problems = []
    for header, doors in DOORS.items():
        if re.fullmatch(header, name) and not any(place == d or layer == d or place.startswith(d + "_") for d in doors):
            problems.append(f"{where}: <{name}> has its door in {' and '.join(doors)}")
    if layer in PURE and re.fullmatch(IMPURE, name):
        problems.append(f"{where}: {layer}/ is pure, it knows no <{name}>")
    return problems


def without_comments(text):
    """Comments blanked, lines kept."""
    return re.sub(r"/\*.*?\*/|//[^\n]*", lambda m: re.sub(r"[^\n]", " ", m[0]), text, flags=re.S)


def check_file(path):
    with open(path, encoding="utf8") as f:
        text = f.read()
    lines, problems = text.split("\n"), []
    if len(lines) > LONGEST + 1:
        problems.append(f"{path}:1: {len(lines)} lines; {LONGEST} are the most")
    if not text.lstrip().startswith("/*"):
        problems.append(f"{path}:1: the head says what the file is for")
    for number, line in enumerate(without_comments(text).split("\n"), 1):
        include = INCLUDE.match(line)
        if include:
            problems.extend(check_include(path, number, include[1] == '"', include[2]))
        called = FORBIDDEN.search(line)
        if called:
            problems.append(f"{path}:{number}: {called[1]}() is not used here")
    for number, line in enumerate(lines, 1):
        if UNFINISHED.search(line):
            problems.append(f"{path}:{number}: unfinished note")
    return problems


def library_flags():
    def ask(*command):
        return shlex.split(subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout)

    return ask("pkg-config", "--cflags", "libuv", "libpq"), ["-isystem", *ask("pg_config", "--includedir-server")]


def check_header_alone(path, common, route):
    """A table has no meaning without the macro that it feeds, so tables are left out by the caller."""
    flags = ["-std=gnu17", "-D_GNU_SOURCE", "-Iinclude", "-Isrc", *common, "-Wall", "-Wextra", "-Wno-unused-function", "-Werror"]
    if place_of(path)[0] == "route":
        flags += route
    source = f'#include "{os.path.abspath(path)}"\n'
    done = subprocess.run(
        ["gcc", *flags, "-fsyntax-only", "-x", "c", "-"], input=source, stderr=subprocess.PIPE, text=True
    )
    if done.returncode == 0:
        return []
    return [f"{path}:1: does not compile alone:\n{done.stderr[:800]}"]


SETTING_TABLES = ("settings", "database_keys", "user_keys")
SETTING_ROW = re.compile(r"^(?:SETTING|DATABASE_KEY|USER_KEY)\(\s*(\w+),.*?(?=^(?:SETTING|DATABASE_KEY|USER_KEY)\(|\Z)", re.M | re.S)


def check_settings_are_tested():
    """Whatever a setting is said to do, some test sets it."""
    tests = ""
    for path in glob.glob("regress/system/*.py") + glob.glob("regress/protocol/*.py") + glob.glob("regress/chaos/*.py"):
        with open(path, encoding="utf8") as f:
            tests += f.read()
    problems = []
    for table in SETTING_TABLES:
        with open(f"include/tables/{table}.h", encoding="utf8") as f:
            rows = [(m[1], ".acted = true" in m[0]) for m in SETTING_ROW.finditer(f.read())]
        for name, acts in rows:
            if acts and not re.search(rf"\b{name}\b[\"']?\s*[=:]", tests):
                problems.append(f"include/tables/{table}.h:1: no test sets {name}")
    return problems


# The structs in which a field outlives its use most easily.
WIDE = {"session": "include/session/session.h", "server": "include/pool/server.h", "account": "include/pool/ledger.h", "ledger": "include/pool/ledger.h"}
FIELD = re.compile(r"^\t[\w\s*]*?\b(\w+)(?:\s*:\s*\d+|\[[^\]]*\])?;", re.M)


def check_fields_are_read():
    """By their names alone: a field that is only assigned, or not mentioned, is of no use."""
    text = ""
    for path in glob.glob("src/*/*.[ch]") + glob.glob("include/*/*.h"):
        with open(path, encoding="utf8") as f:
            text += without_comments(f.read())
    read = {m[1] for m in re.finditer(r"(?:->|\.)(\w+)\b(?!\s*=[^=])", text)}
    # What a list's macros are told by its bare name.
    read |= {m[1] for m in re.finditer(r",\s*(\w+)\)", text)}
    problems = []
    for struct, path in WIDE.items():
        with open(path, encoding="utf8") as f:
            body = re.search(rf"^struct {struct} {{$(.*?)^}};", f.read(), re.M | re.S)[1]
        for m in FIELD.finditer(without_comments(body)):
            if m[1] not in read:
                problems.append(f"{path}:1: nobody reads {struct}.{m[1]}")
    return problems


# Threads of load pace themselves; what is known of a catalog grows old.
PACED = ("regress/chaos/test_stress.py", "regress/chaos/test_sessions.py", "regress/system/test_unknown_names.py")


def check_tests_do_not_sleep():
    problems = []
    for path in sorted(glob.glob("regress/*/test_*.py")):
        with open(path, encoding="utf8") as f:
            lines = f.read().split("\n")
        for number, line in enumerate(lines, 1):
            if path not in PACED and re.search(r"\btime\.sleep\(|^from time import", line):
                problems.append(f"{path}:{number}: a test waits with eventually(), or for an event")
    return problems


def main():
    os.chdir(ROOT)
    headers = sorted(glob.glob("include/*/*.h") + glob.glob("src/*/*.h"))
    sources = sorted(glob.glob("src/*/*.c"))
    problems = [p for path in headers + sources for p in check_file(path)]
    common, route = library_flags()
    alone = [h for h in headers if place_of(h)[0] != "tables"]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for found in pool.map(lambda h: check_header_alone(h, common, route), alone):
            problems.extend(found)
    problems.extend(check_settings_are_tested())
    problems.extend(check_fields_are_read())
    problems.extend(check_tests_do_not_sleep())
    for problem in problems:
        print(problem)
    print(f"{len(headers)} headers and {len(sources)} sources looked at, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
