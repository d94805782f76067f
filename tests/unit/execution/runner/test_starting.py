import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsched.execution.protocol import COOKIE, StartRequest
from jobsched.execution.runner.forbidding import Forbidden
from jobsched.execution.runner.starting import Descriptors, Refused, pipe, start


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int, Descriptors]]:
    """Return a pipe's reading end, its writing end, and descriptors that write there."""
    folder = os.open(".", os.O_RDONLY)  # a start leaves this process in another folder
    reader, writer = pipe()
    os.set_blocking(reader, True)
    null = os.open(os.devnull, os.O_RDONLY)
    yield reader, writer, Descriptors(stdin=null, out=writer, err=writer)
    os.fchdir(folder)
    for descriptor in (reader, null, folder):
        os.close(descriptor)


def a_request(*argv: str, **options: object) -> StartRequest:
    given = {"cwd": "/", "env": {"PATH": os.environ["PATH"]}, **options}
    return StartRequest(
        run=1,
        claim=1,
        argv=argv,
        path="/nowhere",
        cookie="the-cookie",
        **given,  # type: ignore[arg-type]
    )


def output_of(request: StartRequest, ends: tuple[int, int, Descriptors], **extra: str) -> str:
    reader, writer, descriptors = ends
    try:
        pid = start(request, descriptors, extra)
    finally:
        os.close(writer)
    os.waitpid(pid, 0)
    return os.read(reader, 10_000).decode()


@pytest.mark.parametrize("limits", [{}, {"open_files": 50}], ids=["spawned", "forked"])
def test_a_command_gets_its_arguments_and_variables(
    ends: tuple[int, int, Descriptors], limits: dict[str, int]
) -> None:
    request = a_request("sh", "-c", f"echo $0 $MORE ${COOKIE}", "name", limits=limits)

    assert output_of(request, ends, MORE="more") == "name more the-cookie\n"


@pytest.mark.parametrize("limits", [{}, {"open_files": 50}], ids=["spawned", "forked"])
def test_a_command_starts_in_its_folder(
    ends: tuple[int, int, Descriptors], limits: dict[str, int], tmp_path: Path
) -> None:
    request = a_request("pwd", cwd=str(tmp_path), limits=limits)

    assert output_of(request, ends) == f"{tmp_path}\n"


@pytest.fixture
def deaf() -> Iterator[None]:
    """A process that a shell started in the background, with a signal blocked on top."""
    ignored = {number: signal.signal(number, signal.SIG_IGN) for number in (3, 10)}
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    for number, handler in ignored.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("deaf")
@pytest.mark.parametrize("limits", [{}, {"open_files": 50}], ids=["spawned", "forked"])
def test_a_command_hears_the_signals_that_its_server_does_not(
    ends: tuple[int, int, Descriptors], limits: dict[str, int]
) -> None:
    request = a_request("grep", "-E", "^Sig(Ign|Blk)", "/proc/self/status", limits=limits)

    _, blocked, _, ignored = output_of(request, ends).split()

    of_the_c_library = 0b11 << 31  # posix_spawn leaves its two internal signals ignored
    assert (int(blocked, 16), int(ignored, 16) & ~of_the_c_library) == (0, 0)


@pytest.mark.parametrize(
    ("argv", "options", "reason"),
    [
        ((), {}, "the command could not be started: there is no command"),
        (("",), {}, " could not be started: there is no command"),
        (("/bin/echo", "a\0b"), {}, "/bin/echo could not be started: embedded null byte"),
        (("/bin/true",), {"env": {"A=B": "1"}}, "/bin/true could not be started"),
        (("/bin/true",), {"limits": {"disk": 1}}, "unknown limits: disk"),
        (("/bin/true",), {"cwd": "/etc/passwd"}, "the working directory /etc/passwd: Not a dir"),
        (("/bin",), {}, "/bin could not be started: Permission denied"),
    ],
)
def test_what_cannot_be_started_says_why(
    ends: tuple[int, int, Descriptors],
    argv: tuple[str, ...],
    options: dict[str, object],
    reason: str,
) -> None:
    with pytest.raises(Refused) as refusal:
        output_of(a_request(*argv, **options), ends)

    assert reason in refusal.value.reason
    assert not refusal.value.shortage


def redirected(command: str, folder: Path, **logs: str) -> StartRequest:
    data = folder / "data"
    data.mkdir(exist_ok=True)
    database = folder / "jobs.sqlite"
    database.write_text("kept")
    facts = database.stat()
    forbidden = Forbidden(
        places={
            str(data): "lies in the server's data folder",
            str(database): "belongs to the server's database",
        },
        known={(facts.st_dev, facts.st_ino): "belongs to the server's database"},
        owner=os.geteuid(),
        devices=frozenset({facts.st_dev}),
    )
    redirect = {"out": None, "err": None, "forbidden": forbidden.to_message(), **logs}
    return a_request("sh", "-c", command, cwd=str(folder), redirect=redirect)


def test_output_goes_to_the_files_that_are_asked_for(
    ends: tuple[int, int, Descriptors], tmp_path: Path
) -> None:
    (tmp_path / "out").write_text("what was there before")
    (tmp_path / "out").chmod(0o640)

    rest = output_of(redirected("echo o; echo e >&2", tmp_path, out="out"), ends)

    assert (tmp_path / "out").read_text() == "o\n"
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o640
    assert rest == "e\n"


def test_both_streams_may_go_to_one_file(
    ends: tuple[int, int, Descriptors], tmp_path: Path
) -> None:
    path = str(tmp_path / "both")

    rest = output_of(redirected("echo a; echo b >&2; echo c", tmp_path, out=path, err=path), ends)

    assert Path(path).read_text() == "a\nb\nc\n"
    assert rest == ""


def test_files_that_are_none_are_written_to_as_well(
    ends: tuple[int, int, Descriptors], tmp_path: Path
) -> None:
    assert output_of(redirected("echo o; echo e >&2", tmp_path, out="/dev/null"), ends) == "e\n"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("missing/out", "No such file or directory"),
        (".", "Is a directory"),
        ("a\0b", "Invalid argument"),
        ("pipe", "No such device or address"),
        ("data/log", "it lies in the server's data folder"),
        ("data/../data/new/log", "it lies in the server's data folder"),
        ("link", "it lies in the server's data folder"),
        ("folder/log", "it lies in the server's data folder"),
        ("jobs.sqlite", "it belongs to the server's database"),
        ("other", "it belongs to the server's database"),
        ("second", "it is a file with a second name, and might be one of the server's own"),
    ],
)
def test_a_file_that_cannot_be_written_refuses_the_start(
    path: str, reason: str, ends: tuple[int, int, Descriptors], tmp_path: Path
) -> None:
    request = redirected("touch ran", tmp_path, err=path)
    (tmp_path / "data" / "kept").write_text("kept")
    (tmp_path / "link").symlink_to(tmp_path / "data" / "kept")
    (tmp_path / "folder").symlink_to(tmp_path / "data")
    (tmp_path / "other").hardlink_to(tmp_path / "jobs.sqlite")
    (tmp_path / "second").hardlink_to(tmp_path / "data" / "kept")
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(Refused) as refusal:
        start(request, ends[2], {})

    assert refusal.value.reason == f"errlog {path} cannot be opened: {reason}"
    assert not refusal.value.shortage
    assert (tmp_path / "data" / "kept").read_text() == "kept"
    assert not (tmp_path / "data" / "log").exists()
    assert not (tmp_path / "ran").exists()
    os.close(ends[1])
