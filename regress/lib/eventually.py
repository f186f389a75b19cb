"""eventually() - waits for a promise instead of sleeping for a guess; crowding() - for promises about time."""

import os
import time


class NotInTime(AssertionError):
    pass


def eventually(promise, *arguments, within=30.0, every=0.02, **named):
    """Calls promise(...) until its answer is true, and returns it; errors count as "not yet".

    Raises NotInTime with the last answer or error when `within` seconds have passed.
    """
    deadline = time.monotonic() + within
    while True:
        try:
            last = promise(*arguments, **named)
            if last:
                return last
        except Exception as error:  # the world is on its way
            last = error
        if time.monotonic() >= deadline:
            raise NotInTime(f"not within {within:g} s; the last answer was {last!r}")
        time.sleep(every)


def crowding():
    """How many want each processor: 1 where there is room for all, 3 where everything takes three times as long.

    A promise of seconds is one of a machine that has them; of the last minute and of now the worse counts.
    """
    with open("/proc/loadavg") as f:
        last_minute, _, _, running, _ = f.read().split()
    return max(1.0, max(float(last_minute), int(running.split("/")[0]) - 1) / (os.cpu_count() or 1))
