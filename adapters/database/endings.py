"""How claimed rows end, a transaction each: answered, given up, put back for later; and what became of the answers.

A row that somebody has locked is never waited for: meanwhile all others would be locked by us. It is tried again.
"""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection, exc

from adapters.database.answers import Answers
from adapters.database.claims import ERROR, LEFT, PERMANENT, WAIT
from adapters.database.desk import Desk
from adapters.database.engine import Deadlocked, RowRefused, refused, writing
from adapters.database.layout import Key
from adapters.database.review import TAKEN, Mark, Review
from adapters.database.side import SideTable
from adapters.database.work import Ended, Taken

TRIES = 3
"""How often a transaction is repeated that gave way to another one."""
SOON = 1.0
"""Seconds until a row that somebody had locked is claimed again."""


class Endings:
    """The second half of one table's desk. Runs in the poller's thread, as the first does."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._place = desk.place
        self._settings = desk.layout.settings
        self._made: Review | None = None

    @property
    def _review(self) -> Review | None:
        """What is remembered of our answers; only a side table remembers. Raises Missing, ConfigError."""
        claims = self._desk.ready()
        if self._made is None and isinstance(claims, SideTable):
            self._made = Review(self._desk.finder, claims)
        return self._made

    def answer(self, taken: Taken, ended: Ended) -> tuple[int, Sequence[str]]:
        """Ends claimed rows, in one transaction: answers with their status, errors with theirs. Returns how many were
        answered, and what was noticed: `taken` for each that somebody else had answered meanwhile.

        A value that the database refuses costs no other row its answer."""
        due = self._due()
        done = self._desk.answer(taken.token, ended.answers) if due is None else 0
        rest = ended.failed or ended.again or ended.unasked or taken.worn
        if done == len(ended.answers) and not rest:
            return done, []
        if not done and not rest and due is None and self._all(taken, ended.answers):
            return len(ended.answers), []
        for left in reversed(range(1 + TRIES)):
            try:
                written, noticed = self._each(taken, ended, due)
                break
            except Deadlocked:  # then nothing was written
                if not left:
                    raise
        return done + written, noticed

    def _each(self, taken: Taken, ended: Ended, due: float | None) -> tuple[int, Sequence[str]]:
        """Ends claims row by row, in one transaction."""
        claims = self._desk.ready()
        with writing(self._desk.engine) as connection:
            held = claims.held(connection, taken.token)
            answers = {key: answer for key, answer in ended.answers.items() if key in held}
            refusals: dict[Key, str] = {}
            written = self._write(connection, answers, refusals)
            claims.finish(connection, taken.token, self._marks(connection, answers, written), due)
            missed = answers.keys() - written - refusals.keys()
            busy = self._place.busy(connection, missed)
            claims.forget(connection, taken.token, missed - busy)
            failed = {key: why for key, why in (*ended.failed.items(), *refusals.items(), *taken.worn.items())
                      if key in held}  # fmt: skip
            busy |= self._fail(connection, taken, failed)
            again = {one.key: ended.again[one.key] for one in taken.rows if one.key in ended.again and one.key in held}
            busy |= self._again(connection, taken, again)
            unasked = {key for key in ended.unasked if key in held}
            kept = self._place.release(connection, list(unasked))
            claims.forget(connection, taken.token, unasked - kept)
            claims.postpone(connection, taken.token, busy | kept, SOON)
        if unasked:
            self._desk.again()
        return len(written), [TAKEN] * len(missed - busy)

    def _all(self, taken: Taken, answers: Answers) -> bool:
        """Answers all of the rows or none; whether it did. The rows come last, right before the transaction ends: they
        are what others may want meanwhile."""
        try:
            with writing(self._desk.engine) as connection:
                if self._desk.ready().held(connection, taken.token) >= answers.keys():
                    self._desk.ready().finish(connection, taken.token, dict.fromkeys(answers, ("", "")), None)
                    if self._place.write(connection, answers) == answers.keys():
                        return True
                connection.rollback()
        except (RowRefused, Deadlocked):
            pass  # the database says it of one row, which is looked for; or it is tried again
        return False

    def _write(self, connection: Connection, answers: Answers, refusals: dict[Key, str]) -> set[Key]:
        """Writes answers; where the database refuses one, halves the batch until it is found."""
        if not answers:
            return set()
        try:
            with connection.begin_nested():
                return self._place.write(connection, answers)
        except (RowRefused, exc.StatementError) as error:
            if isinstance(error, exc.StatementError) and not refused(error):
                raise
            if len(answers) == 1:
                [key] = answers
                refusals[key] = str(error) if isinstance(error, RowRefused) else str(error.orig)
                return set()
        items, half = list(answers.items()), len(answers) // 2
        first = self._write(connection, dict(items[:half]), refusals)
        return first | self._write(connection, dict(items[half:]), refusals)

    def _fail(self, connection: Connection, taken: Taken, failed: Mapping[Key, str]) -> set[Key]:
        """Gives up rows: to the batch, where there is one, else with an error. Returns those that are locked."""
        if not failed:
            return set()
        end = self._place.release if self._settings.batch else self._place.fail
        busy = end(connection, list(failed))
        ended = {key: why for key, why in failed.items() if key not in busy}
        state = LEFT if self._settings.batch else ERROR
        self._desk.ready().put_back(connection, taken.token, ended, state, PERMANENT)
        return busy

    def _again(self, connection: Connection, taken: Taken, again: Mapping[Key, str]) -> set[Key]:
        """Puts rows back for later, each the longer the more often it was tried; gives up what was tried enough.
        Returns those of the latter that are locked."""
        attempts = {one.key: one.attempts for one in taken.rows}
        most = self._settings.claim.attempts
        busy = self._fail(connection, taken, {key: why for key, why in again.items() if attempts[key] >= most})
        waits: dict[int, dict[Key, str]] = {}
        for key, why in again.items():
            if attempts[key] < most:
                waits.setdefault(attempts[key], {})[key] = why
        for tried, rows in waits.items():
            self._desk.ready().put_back(connection, taken.token, rows, WAIT, min(60.0, 2.0 ** (tried - 1)))
        return busy

    def _due(self) -> float | None:
        """In how many seconds an answered row is looked at again; None where it need not be remembered."""
        if self._settings.batch:
            return self._settings.batch.verify
        return PERMANENT if self._desk.finder.mark else None

    def _marks(self, connection: Connection, answers: Answers, written: Collection[Key]) -> Mapping[Key, Mark]:
        """What is remembered of answered rows: nothing but that they are, where nobody could write over them."""
        if self._settings.batch and self._review:
            return self._review.marks(connection, {key: list(answers[key]) for key in written})
        return dict.fromkeys(written, ("", ""))

    def review(self) -> Sequence[str]:
        """Reads answers of ours again; returns a word for each that is not as it was left."""
        if self._review is None or self._settings.batch is None:
            return ()
        with writing(self._desk.engine) as connection:
            return self._review.look(connection)

    def give_back(self) -> int:
        """Gives back to the batch what waits to be tried again; returns how many rows. Those that somebody has locked
        stay as they are until the next time."""
        if self._review is None:
            return 0
        with writing(self._desk.engine) as connection:
            waiting = self._review.waiting(connection)
            keys = [key for key in waiting if key not in self._place.release(connection, waiting)]
            self._review.leave(connection, keys)
        return len(keys)
