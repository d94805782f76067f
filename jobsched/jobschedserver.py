"""JobSchedServer: the same server, started as seed 001 does it.

    JobSchedServer -a 127.0.0.1 -p 4321 --dbfile /tmp/jobs.sqlite

FILE is the database and FILE.data the data folder; there is no catalog and no folder to prepare.
The configuration is in FILE.data/conf, where a jobsched.cfg of the user's own is obeyed.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from jobsched.errors import ConfigurationError, JobschedError, Mistake

_FAILED, _USAGE = 1, 2
_MARK = "# Written by JobSchedServer at each start; without this line it is left alone.\n"
_LOGGING = """\
version: 1
disable_existing_loggers: false
formatters:
  plain: {{format: "%(asctime)s %(levelname)s %(message)s"}}
handlers:
  file:
    class: logging.handlers.WatchedFileHandler
    filename: {path}
    formatter: plain
root: {{level: DEBUG, handlers: [file]}}
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Serve as the command line *argv* (default: this process's) says; return the exit code."""
    given = _parser().parse_args(argv)
    try:
        return _serve(given)
    except ConfigurationError as error:
        for mistake in error.mistakes:
            sys.stderr.write(f"JobSchedServer: {mistake}\n")
        return _USAGE
    except JobschedError as error:
        sys.stderr.write(f"JobSchedServer: {error.detail}\n")
        return _FAILED


def _serve(given: argparse.Namespace) -> int:
    # Imported late: --help needs none of it.
    from jobsched.app import serving
    from jobsched.operations.check import make_private
    from jobsched.storage.migrate import check_file

    file = Path(given.dbfile).expanduser().absolute()
    _check(file)
    check_file(file)
    data = file.with_name(f"{file.name}.data")
    make_private(data)
    _prepare(data, file, given.logfile)
    start = serving.prepare(_flags(given, data, file), os.environ)
    return serving.serve(replace(start, clear=given.clear))


def _flags(given: argparse.Namespace, data: Path, file: Path) -> Mapping[str, object]:
    return {
        "conf_dir": data / "conf",
        "tasks_dir": data / "tasks",
        "data_dir": data,
        "database_url": _url(file),
        "host": given.addr,
        "port": given.port,
        "jobs": given.jobs,
    }


def _check(file: Path) -> None:
    if not file.parent.is_dir():
        message = f"there is no directory {file.parent}"
        raise ConfigurationError([Mistake(where="--dbfile", message=message)])
    if "?" in file.name or "?" in str(file.parent):
        message = "a path with a question mark cannot be the address of a database"
        raise ConfigurationError([Mistake(where="--dbfile", message=message)])


def _prepare(data: Path, file: Path, logfile: str | None) -> None:
    """Write the configuration: an empty catalog, where the database is, where the log goes.

    With it the other commands (``jobsched token create --conf-dir FILE.data/conf``) find the same.
    """
    conf = data / "conf"
    for folder in (conf, data / "tasks"):
        folder.mkdir(mode=0o700, exist_ok=True)
    if not (conf / "catalog.cfg").exists():
        _write(conf / "catalog.cfg", "")
    places = {"DATABASE_URL": _url(file), "DATA_DIR": str(data), "TASKS_DIR": str(data / "tasks")}
    lines = (f"{name} = {place!r}\n" for name, place in places.items())
    _write_ours(conf / "jobsched.cfg", "".join(lines))
    if logfile is not None:
        path = Path(logfile).expanduser().absolute()
        _touch(path)
        _write_ours(conf / "logging.yaml", _LOGGING.format(path=_quoted(str(path))))
    elif _is_ours(conf / "logging.yaml"):
        (conf / "logging.yaml").unlink()


def _touch(path: Path) -> None:
    """Make the log file if need be, for its owner only: it holds what jobs write."""
    try:
        path.touch(mode=0o600)
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror}"
        raise ConfigurationError([Mistake(where="--logfile", message=message)]) from error


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _write_ours(path: Path, text: str) -> None:
    if not path.exists() or _is_ours(path):
        _write(path, _MARK + text)


def _is_ours(path: Path) -> bool:
    try:
        return path.read_text(encoding="utf-8").startswith(_MARK)
    except (OSError, UnicodeDecodeError):
        return False


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


def _url(file: Path) -> str:
    return f"sqlite:///{file}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="JobSchedServer",
        description="A simple job scheduler: runs bash commands that arrive over HTTP.",
        epilog="Example: JobSchedServer -a 127.0.0.1 -p 4321 --dbfile /tmp/jobs.sqlite",
    )
    parser.add_argument("-a", "--addr", default="127.0.0.1", help="address (default: %(default)s)")
    parser.add_argument("-p", "--port", required=True, help="port number; required")
    parser.add_argument(
        "-d",
        "--dbfile",
        metavar="FILE",
        default="jobs.sqlite",
        help="database file, made when it does not exist (default: %(default)s); FILE.data is the "
        "folder for everything else that is kept",
    )
    parser.add_argument(
        "-j",
        "--jobs",
        metavar="N",
        default="4",
        help="how many jobs may run at once; the others wait (default: %(default)s)",
    )
    parser.add_argument(
        "-c", "--clear", action="store_true", help="forget all jobs of earlier starts"
    )
    parser.add_argument(
        "-l", "--logfile", metavar="FILE", help="write the log there, not to stdout"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
