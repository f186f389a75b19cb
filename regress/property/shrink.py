"""shrink.py - the smallest program that still fails: without clients, then without steps, then with simpler steps.

Each attempt is played.  A program that fails in another way is as good: what matters is that it is small.
"""

import time

from .program import Step

SECONDS = 60


def shrink(program, bench, seconds=SECONDS):
    """(program, difference) of the smallest failing program found in the time.

    The difference is None where it does not fail on new servers, not even after the programs that were before it.
    """
    earlier = bench.played_before(program)
    for others in ([], earlier[-1:], earlier):
        small, difference = Shrinking(program.after(others), bench.play_anew, seconds).run()
        if difference:
            return small, difference
    return program, None


class Shrinking:
    def __init__(self, program, play, seconds):
        self.program, self.play = program, play
        self.difference = None
        self.until = time.monotonic() + seconds

    def _keep(self, steps):
        """Takes the program with these steps if it fails."""
        if time.monotonic() > self.until or not steps:
            return False
        candidate = self.program.with_steps(steps)
        difference = self.play(candidate)
        if difference is None:
            return False
        self.program, self.difference = candidate, difference
        return True

    def run(self):
        if not self._keep(self.program.steps):
            return self.program, None
        self._keep(self.program.steps[: self.difference.at + 1])
        before = None
        while before != self.program.text() and time.monotonic() < self.until:
            before = self.program.text()
            self._without_clients()
            self._without_steps()
            self._without_messages()
            self._without_statements()
            self._without_parameters()
        self._keep(self.program.steps)
        return self.program, self.difference

    def _without_clients(self):
        for letter in sorted({s.client for s in self.program.steps}):
            self._keep([s for s in self.program.steps if s.client != letter])

    def _without_steps(self):
        size = max(1, len(self.program.steps) // 2)
        while size:
            at = 0
            while at < len(self.program.steps):
                steps = self.program.steps
                if not self._keep(steps[:at] + steps[at + size :]):
                    at += size
            size //= 2

    def _each_step(self, smaller):
        for at in range(len(self.program.steps) - 1, -1, -1):
            for items in smaller(self.program.steps[at].items):
                steps = list(self.program.steps)
                steps[at] = Step(steps[at].client, items, steps[at].holds)
                if self._keep(steps):
                    break

    def _without_messages(self):
        def smaller(items):
            # What has to be answered ends with a Sync, or is a Query.
            ends = sum(item[0] in "SQF" for item in items)
            for at in range(0 if isinstance(items, str) else len(items)):
                one_of_many = ends > 1 and at < len(items) - 1
                if len(items) > 1 and (items[at][0] not in "SQF" or one_of_many or items[-1][0] == "vanish"):
                    yield items[:at] + items[at + 1 :]

        self._each_step(smaller)

    def _without_statements(self):
        def smaller(items):
            if isinstance(items, str) or items[0][0] != "Q" or "$$" in items[0][1]:
                return
            parts = items[0][1].split(";")
            for at in range(len(parts) if len(parts) > 1 else 0):
                yield [["Q", ";".join(parts[:at] + parts[at + 1 :]).strip()], *items[1:]]

        self._each_step(smaller)

    def _without_parameters(self):
        for letter, parameters in list(self.program.clients.items()):
            if parameters and letter in self.program.clients:
                self.program.clients[letter] = {}
                if not self._keep(self.program.steps):
                    self.program.clients[letter] = parameters
