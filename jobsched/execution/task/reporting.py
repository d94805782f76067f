"""``jobsched record``: how a script says which records failed, and how many went well.

Every word of it is one line of JSON at the end of the run's report, the file that JOBSCHED_REPORT
names. Also run as a file (``JOBSCHED_RECORD`` names a command that does), whatever interpreter
the job itself has: standard library only, and nothing of jobsched.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

REPORT = "JOBSCHED_REPORT"
RECORDS = "JOBSCHED_RECORDS"
LONGEST_LINE = 256 * 1024  # bytes
LONGEST_MESSAGE = 4000  # characters
LONGEST_CODE = 100
OK, FAILED, USAGE = 0, 1, 2
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_EPILOG = """\
examples:
  jobsched record --error "no such customer" --data '{"id": 5}'
  jobsched record --success 963 --ignore 2
  jobsched record --error "still no such customer" --retry-id 17

Exit code 0: it is written; 1: it is not (outside a run, or the disk is full); 2: wrong usage.
"""


class CannotReport(Exception):
    """Nothing was written; the message says why."""


class _Wrong(Exception):
    pass


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _Wrong(message)


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Write what *argv* says into the report that *environ* names; return an exit code."""
    parser = _parser()
    try:
        lines = _lines(parser, argv)
        path = _path(environ)
        for line in lines:
            append(path, line)
    except _Wrong as wrong:
        sys.stderr.write(f"{parser.format_usage()}jobsched record: {wrong}\n")
        return USAGE
    except (CannotReport, OSError) as error:
        why = getattr(error, "strerror", None) or error
        sys.stderr.write(f"jobsched record: nothing was recorded: {why}\n")
        return FAILED
    except SystemExit as leaving:  # --help
        return int(leaving.code or OK)
    return OK


def _path(environ: Mapping[str, str]) -> str:
    path = environ.get(REPORT)
    if not path:
        raise CannotReport(f"{REPORT} is not set: only a run of jobsched has a report")
    return path


def line_of(entry: Mapping[str, Any]) -> bytes:
    """Return the line for one *entry* of a report: ``status``, and what else there is to say.

    A message and a code that are too long are cut. Raises: TypeError or ValueError if it cannot
    be written as JSON, or is longer than LONGEST_LINE all the same.
    """
    said = {name: value for name, value in entry.items() if value is not None}
    if "message" in said:
        said["message"] = said["message"][:LONGEST_MESSAGE]
    if "code" in said:
        said["code"] = said["code"][:LONGEST_CODE]
    line = json.dumps(said, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n"
    if len(line) > LONGEST_LINE:
        raise ValueError(f"a record must not be longer than {LONGEST_LINE} bytes")
    return line


def open_report(path: str) -> int:
    """Return a descriptor that adds to the report at *path*. Raises: OSError."""
    return os.open(path, _FLAGS, 0o600)


def append(path: str, line: bytes) -> None:
    """Write one *line* at the end of the report, whole or not at all. Raises: OSError."""
    report = open_report(path)
    try:
        write(report, line)
    finally:
        os.close(report)


def write(report: int, line: bytes) -> None:
    """Write one *line* with one call: those of several processes do not mix. Raises: OSError."""
    written = os.write(report, line)
    if written != len(line):
        os.write(report, b"\n")  # what comes later shall not be lost with it
        raise OSError(f"only {written} of {len(line)} bytes were written")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="jobsched record",
        description="Say which records of this run failed, and how many did not.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--error", metavar="TEXT", help="one record failed, and why")
    parser.add_argument("--data", metavar="JSON", help="what a retry gets; - reads it from stdin")
    parser.add_argument("--code", metavar="CODE", help="a short code for the kind of error")
    for name, what in (("--success", "went well"), ("--ignore", "were passed over")):
        text = f"N records {what} (default 1)"
        parser.add_argument(name, metavar="N", type=_count, nargs="?", const=1, help=text)
    parser.add_argument(
        "--retry-id", metavar="ID", type=_count, help="which record of JOBSCHED_RECORDS is meant"
    )
    return parser


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number")
    return int(text)


def _lines(parser: argparse.ArgumentParser, argv: Sequence[str]) -> list[bytes]:
    asked = parser.parse_args(list(argv))
    _check(asked)
    entries: list[dict[str, Any]] = []
    if asked.error is not None:
        data = None if asked.data is None else _data(asked.data)
        entries.append(
            {
                "status": "error",
                "message": asked.error,
                "data": data,
                "code": asked.code,
                "retry_id": asked.retry_id,
            }
        )
    for status in ("success", "ignore"):
        count = getattr(asked, status)
        if count is not None:
            meant = asked.retry_id if status == "success" and asked.error is None else None
            entries.append({"status": status, "count": count, "retry_id": meant})
    try:
        return [line_of(entry) for entry in entries]
    except ValueError as error:
        raise _Wrong(str(error)) from error


def _check(asked: argparse.Namespace) -> None:
    if asked.error is None and asked.success is None and asked.ignore is None:
        raise _Wrong("one of --error, --success and --ignore is needed")
    if asked.error is None and (asked.data is not None or asked.code is not None):
        raise _Wrong("--data and --code belong to --error")
    if asked.retry_id is not None and asked.error is None and asked.success is None:
        raise _Wrong("--retry-id belongs to --error or --success")


def _data(text: str) -> object:
    try:
        return json.loads(sys.stdin.read() if text == "-" else text)
    except (ValueError, RecursionError) as error:
        raise _Wrong(f"--data is not JSON: {error}") from error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
