"""The scanner of shapes against PostgreSQL's own, over all statements of a folder of SQL files.

    make shapes SOURCE=postgresql-15.18/src/test/regress/sql

Texts are cut at semicolons that end a line, whatever is on both sides: halves of statements are texts too.
"""

import glob
import os
import re
import subprocess
import sys
import tempfile


def statements(folder):
    for path in sorted(glob.glob(os.path.join(folder, "*.sql"))):
        with open(path, "rb") as f:
            yield from re.split(rb"(?<=;)[ \t]*\n", f.read())


def agrees(program, *paths):
    return subprocess.run([program, *paths], stdout=subprocess.DEVNULL).returncode == 0


def main(program, folder):
    with tempfile.TemporaryDirectory() as made:
        paths = []
        for number, text in enumerate(statements(folder)):
            paths.append(os.path.join(made, str(number)))
            with open(paths[-1], "wb") as f:
                f.write(text)
        if not paths:
            sys.exit(f"no SQL files in {folder}")
        for first in range(0, len(paths), 500):
            if not agrees(program, *paths[first : first + 500]):
                sys.exit("\n\n".join(open(p).read() for p in paths[first : first + 500] if not agrees(program, p)))
        print(f"{len(paths)} texts: tokens and verdicts agree")


main(*sys.argv[1:])
