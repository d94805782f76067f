"""The table at the end of a zip file, looked at before anything of it is believed.

zipfile reads whatever the end records name into memory and counts nothing; here the records must
fit the file exactly, agree with each other and with what the table holds.
"""

import struct
from dataclasses import dataclass
from typing import BinaryIO

from jobsched.webjobs.refusing import refusal

_END = struct.Struct("<4s4H2LH")
_END_MARK = b"PK\x05\x06"
_LOCATOR = struct.Struct("<4sLQL")
_LOCATOR_MARK = b"PK\x06\x07"
_BIG_END = struct.Struct("<4sQ2H2L4Q")
_BIG_END_MARK = b"PK\x06\x06"
_ENTRY = struct.Struct("<4s24x3H12x")
_ENTRY_MARK = b"PK\x01\x02"
_LONGEST_COMMENT = 65_535
_CUT_OFF = "It is not a zip file, or it was cut off: its end is missing or broken."
_AMBIGUOUS = "Its end records contradict the file or each other."


@dataclass(frozen=True, slots=True)
class _Table:
    """Where the table of members lies: *entries* of them, *size* bytes from *offset* on."""

    entries: int
    size: int
    offset: int


def check(archive: BinaryIO, length: int, most: int) -> None:
    """Check the table of *archive*, which has *length* bytes, without building anything of it.

    Raises: InvalidInput when it is broken, ambiguous, or tells of more than *most* members.
    """
    place, end = _end(archive, length)
    table = _Table(end[4], end[5], end[6])
    if (located := _located(archive, place)) is not None:
        place, table = _big(archive, located, table)
    elif end[1] or end[2] or end[3] != end[4]:
        raise refusal("zip", "It is one part of several.")
    if table.entries > most:
        raise refusal("files", f"It holds more than {most} files.")
    if table.offset + table.size != place:
        raise refusal("zip", _AMBIGUOUS)
    _count(archive, table)


def _end(archive: BinaryIO, length: int) -> tuple[int, tuple[int, ...]]:
    """Return where the end record is, and its numbers; it must end where the file does."""
    start = max(0, length - _END.size - _LONGEST_COMMENT)
    archive.seek(start)
    tail = archive.read(length - start)
    place = tail.rfind(_END_MARK)
    if place < 0 or len(tail) - place < _END.size:
        raise refusal("zip", _CUT_OFF)
    numbers = _END.unpack_from(tail, place)
    if place + _END.size + numbers[7] != len(tail):
        raise refusal("zip", _CUT_OFF)
    return start + place, numbers


def _located(archive: BinaryIO, place: int) -> tuple[int, int] | None:
    """Return where the locator of zip64 says its record is and where it itself is, if there."""
    at = place - _LOCATOR.size
    if at < 0:
        return None
    archive.seek(at)
    mark, disk, offset, disks = _LOCATOR.unpack(archive.read(_LOCATOR.size))
    if mark != _LOCATOR_MARK:
        return None
    if disk or disks > 1 or offset + _BIG_END.size != at:
        raise refusal("zip", _AMBIGUOUS)
    return offset, at


def _big(archive: BinaryIO, located: tuple[int, int], small: _Table) -> tuple[int, _Table]:
    offset, _ = located
    archive.seek(offset)
    numbers = _BIG_END.unpack(archive.read(_BIG_END.size))
    table = _Table(numbers[7], numbers[8], numbers[9])
    whole = numbers[0] == _BIG_END_MARK and numbers[1] == _BIG_END.size - 12
    if not whole or numbers[4] or numbers[5] or numbers[6] != numbers[7]:
        raise refusal("zip", _AMBIGUOUS)
    pairs = (
        (small.entries, table.entries, 0xFFFF),
        (small.size, table.size, 0xFFFFFFFF),
        (small.offset, table.offset, 0xFFFFFFFF),
    )
    if any(given not in {real, unsaid} for given, real, unsaid in pairs):
        raise refusal("zip", _AMBIGUOUS)
    return offset, table


def _count(archive: BinaryIO, table: _Table) -> None:
    """Go through the table: it must hold as many members as it is said to."""
    archive.seek(table.offset)
    left, found = table.size, 0
    while left > 0 and found <= table.entries:
        head = archive.read(_ENTRY.size)
        if len(head) < _ENTRY.size or not head.startswith(_ENTRY_MARK):
            raise refusal("zip", "Its table of members is broken.")
        more = sum(_ENTRY.unpack(head)[1:])
        archive.seek(more, 1)
        left -= _ENTRY.size + more
        found += 1
    if left or found != table.entries:
        raise refusal("zip", _AMBIGUOUS)
