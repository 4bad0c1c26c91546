"""How a command ends."""

import subprocess
import sys


def test_a_library_that_is_aborted_by_its_clean_up_does_not_fail_a_command() -> None:
    command = """
import atexit, ctypes
from ml.common.cli import entry
c = ctypes.CDLL(None)
c.__cxa_atexit(c.abort, None, None)
atexit.register(print, "cleaned up")
entry(lambda _: 99)
"""
    ended = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (99, "cleaned up\n", "")
