"""route_truth - statements of which it is known where they may go.

SCHEMA makes a database with one of each kind of trap.  PRIMARY holds what a replica must never see, by the rule that
says so; READS what a replica answers as well as the primary.  Both run from top to bottom, several times over: what
one entry makes, a later one takes away.  An entry that begins with COPY ... FROM STDIN is given no rows.
"""

from . import commands, functions, relations
from .commands import CONTINUED
from .reads import READS, REFUSED
from .schema import SCHEMA

__all__ = ["CONTINUED", "PRIMARY", "READS", "REFUSED", "SCHEMA"]

PRIMARY = {**commands.PRIMARY, **functions.PRIMARY, **relations.PRIMARY}
