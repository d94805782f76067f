"""Taking over the report of one run into the rows, portion by portion.

A supervisor that dies in between leaves rows that the next one finds: it reads the same lines
again, comes to the same numbers, and what is there already stays.
"""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from jobsched.execution.supervisor.lines import BadLine, Entry, ReportLines, entry_of
from jobsched.storage.records import Digest, Failure, Portion, digest_of
from jobsched.storage.tallies import Report

MOST_RECORDS = 1_000_000  # of one run; what is beyond is only counted


class Given:
    """What a retry was given: which record an error means, by its number or by equal data.

    *records* are (id, digest of its data) in the order of ids. Some 25 bytes each are kept:
    there may be a million.
    """

    def __init__(self, records: Iterable[Digest]) -> None:
        self._ids, self._digests = array("q"), array("q")
        for id_, digest in records:
            self._ids.append(id_)
            self._digests.append(digest)
        places = range(len(self._ids))
        self._by_digest = array("l", sorted(places, key=self._digests.__getitem__))
        self._named = bytearray(len(self._ids))
        self._next: dict[int, int] = {}  # where to go on among equal ones

    def __bool__(self) -> bool:
        return bool(self._ids)

    def name(self, record: int) -> bool | None:
        """Name a record; return whether that is news, None if it is none of these."""
        place = bisect_left(self._ids, record)
        if place == len(self._ids) or self._ids[place] != record:
            return None
        news = not self._named[place]
        self._named[place] = 1
        return news

    def equal(self, data: str | None) -> int | None:
        """Name the first record with equal *data* that has not been named yet; return it."""
        digest = digest_of(data)
        rank = self._next.get(digest, -1)
        if rank < 0:
            rank = bisect_left(self._by_digest, digest, key=self._digests.__getitem__)
        while rank < len(self._by_digest):
            place = self._by_digest[rank]
            if self._digests[place] != digest:
                break
            rank += 1
            if not self._named[place]:
                self._named[place] = 1
                self._next[digest] = rank
                return self._ids[place]
        self._next[digest] = rank
        return None


@dataclass(slots=True)
class _Sums:
    success: int = 0
    ignore: int = 0
    errors: int = 0
    told: int = 0
    unkept: int = 0
    bad: int = 0


class Takeover:
    """One report; *given* reads what the run was given, when that is first needed."""

    def __init__(self, run_id: int, lines: ReportLines, given: Callable[[], Given]) -> None:
        self.run_id = run_id
        self._lines = lines
        self._read_given = given
        self._given: Given | None = None
        self._sums = _Sums()
        self._number = 0  # of the last error
        self._line = 0
        self._first_bad = ""

    @property
    def over(self) -> bool:
        """Whether everything has been read."""
        return self._lines.over

    def portion(self) -> Portion:
        """Read on; return what is to be stored of it."""
        failures: list[Failure] = []
        solved: list[int] = []
        for line in self._lines.portion():
            self._line += 1
            try:
                self._take(entry_of(line), failures, solved)
            except BadLine as why:
                self._sums.bad += 1
                self._first_bad = self._first_bad or f"line {self._line} {why}"
        return Portion(run_id=self.run_id, failures=failures, solved=solved)

    def report(self) -> Report:
        """Return what it said in all, and close it."""
        self._lines.close()
        sums = self._sums
        return Report(
            success=sums.success,
            ignore=sums.ignore,
            errors=sums.errors,
            told=sums.told,
            unkept=sums.unkept,
            note=self._note(),
        )

    def _take(self, entry: Entry, failures: list[Failure], solved: list[int]) -> None:
        if entry.status == "error":
            self._failed(entry, failures)
        elif entry.status == "ignore":
            self._sums.ignore += 0 if entry.told else entry.count
        else:
            self._sums.success += 0 if entry.told else entry.count
            if entry.retry_id is not None:
                solved.append(entry.retry_id)

    def _failed(self, entry: Entry, failures: list[Failure]) -> None:
        record, news = self._meant(entry)
        self._sums.told += entry.told
        if not news:  # named before: it is one record
            return
        self._sums.errors += 1
        if self._number >= MOST_RECORDS:
            self._sums.unkept += 1
            return
        self._number += 1
        failures.append(
            Failure(
                number=self._number,
                message=entry.message,
                code=entry.code,
                data=entry.data,
                record=record,
            )
        )

    def _meant(self, entry: Entry) -> tuple[int | None, bool]:
        """Return which given record has failed again, None for a new one, and if that is news."""
        given = self._known()
        if not given:
            return None, True
        if entry.retry_id is not None:
            news = given.name(entry.retry_id)
            return (None, True) if news is None else (entry.retry_id, news)
        return given.equal(entry.data), True

    def _known(self) -> Given:
        if self._given is None:
            self._given = self._read_given()
        return self._given

    def _note(self) -> str | None:
        notes = []
        if self._sums.bad:
            what = "is no record" if self._sums.bad == 1 else "are no records"
            first = f"first of all {self._first_bad}" if self._sums.bad > 1 else self._first_bad
            notes.append(f"Of the lines of its report {self._sums.bad} {what}: {first}.")
        if self._sums.unkept:
            notes.append(f"Of its failed records {self._sums.unkept} are only counted.")
        if self._lines.cut:
            notes.append("Its report is too long: what comes after the first GiB was not read.")
        return " ".join(notes) or None
