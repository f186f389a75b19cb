"""Fixtures of the tests, of `make run` and of `make bench`: throw-away processes that leave nothing behind."""
