"""Who runs a command."""

import getpass
import os


def who() -> str:
    """The login name; the user's number where there is none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"
