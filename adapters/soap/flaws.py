"""Where a value is wrong: gathers the path while it travels up."""

from typing import Self


class Flaw(Exception):
    """A value is wrong. `reason` is a short word to count by, `path` ends up as the names from the root."""

    def __init__(self, reason: str, message: str, *path: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.path = list(path)

    def within(self, name: str) -> Self:
        """The same flaw, seen from the element `name` that holds it."""
        self.path.insert(0, name)
        return self

    def __str__(self) -> str:
        where = "".join(f".{name}" if not name.startswith("[") else name for name in self.path).lstrip(".")
        return f"{where}: {super().__str__()}" if where else super().__str__()
