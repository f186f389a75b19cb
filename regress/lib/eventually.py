"""eventually() - waits for a promise instead of sleeping for a guess."""

import time


class NotInTime(AssertionError):
    pass


def eventually(promise, *arguments, within=10.0, every=0.02, **named):
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
