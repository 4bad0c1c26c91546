"""The ways in which a verb refuses to go on, and the exit codes they become."""

EXIT_DONE, EXIT_CRASH, EXIT_USAGE, EXIT_DATA = 0, 1, 2, 3


class UsageError(Exception):
    """A wrong command or configuration: exit 2, never retried."""


class DataError(Exception):
    """The data failed a critical check or cannot be read: exit 3, never retried."""


class UnavailableError(Exception):
    """A service outside did not answer: exit 1, worth another try."""
