"""Children that end with their parent, however that ends. Standard library only."""

import ctypes
import os
import signal
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


def ends_with_parent(sign: signal.Signals) -> Callable[[], None]:
    """What a child runs before its program: the kernel sends it `sign` when its parent is gone, however that came."""
    parent = os.getpid()

    def set_up() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, sign)
        if os.getppid() != parent:
            os._exit(1)  # the parent died before the kernel had been told

    return set_up
