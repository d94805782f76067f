"""Seed 002, installation and configuration: checks J1 to J17, J40 to J42, on the real program."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.server import CATALOG, LOGGING, ROOT, Server, free_port
from tests.support.waiting import until

RECORDER = """\
import json

class Recorder:
    def __init__(self, **arguments):
        self.arguments = arguments

    def __call__(self, info):
        print(json.dumps(self.arguments))
"""
LIVETIME = """\
class Livetime:
    def __call__(self, info):
        print("livetime", info.timeout)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what a clone of the repository holds."""
    names = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    for name in names:
        target = tmp_path / "project" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
        target.chmod((ROOT / name).stat().st_mode)
    return tmp_path / "project"


@pytest.fixture
def environment() -> dict[str, str]:
    """The tests' own environment without any setting of ours."""
    ours = ("JOBSCHED_", "VIRTUAL_ENV", "PYTHONPATH")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def run(*arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run the program in a way that must end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "jobsched", *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def refused(server: Server) -> str:
    """Start *server*, which must refuse to; return what it says."""
    process = server.launch()
    try:
        assert process.wait(30) not in {0, None}
    finally:
        server.close()
    return server.log


@pytest.mark.timeout(300)
def test_J1_requirements_and_debug_sh_are_all_it_takes(
    project: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    bin_folder = tmp_path / "schedenv" / "bin"
    subprocess.run([sys.executable, "-m", "venv", bin_folder.parent], check=True, timeout=120)
    install = [str(bin_folder / "pip"), "install", "-q", "-r", "requirements.txt"]
    subprocess.run(install, cwd=project, env=environment, check=True, timeout=280)
    server = Server(tmp_path)  # for its requests and its cleaning up
    activated = {
        **environment,
        "VIRTUAL_ENV": str(bin_folder.parent),
        "PATH": f"{bin_folder}:{environment['PATH']}",
        "JOBSCHED_PORT": str(server.port),
    }

    with (tmp_path / "stdout").open("wb") as log:
        server.process = subprocess.Popen(
            ["./debug.sh"], cwd=project, env=activated, stdout=log, stderr=log
        )
    try:
        until(server.is_ready, 60, "debug.sh did not bring up a server")
        assert server.get("/catalog").json() == {"tasks": ["runfoo", "example", "timeout"]}
        assert server.stop(signal.SIGINT) == 0
    finally:
        server.close()


@pytest.mark.parametrize("option", ["--conf-dir", "--tasks-dir"])
def test_J2_a_missing_option_is_named(tmp_path: Path, option: str) -> None:
    given = {"--conf-dir", "--tasks-dir"} - {option}

    result = run(*given, str(tmp_path))

    assert result.returncode != 0
    assert option in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("option", ["--conf-dir", "--tasks-dir"])
def test_J3_a_missing_directory_is_named_with_its_option(tmp_path: Path, option: str) -> None:
    paths = {"--conf-dir": tmp_path, "--tasks-dir": tmp_path, option: tmp_path / "absent"}

    result = run(*(str(word) for pair in paths.items() for word in pair))

    assert result.returncode != 0
    assert option in result.stderr
    assert str(tmp_path / "absent") in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("name", ["logging.cfg", "logging.conf"])
def test_J4_J16_J17_all_files_come_from_the_conf_dir(tmp_path: Path, name: str) -> None:
    formatted = re.sub("format=.*", "format=[%(levelname)s] <%(message)s>", LOGGING)
    server = Server(
        tmp_path,
        catalog="[livetime]\nfile=livetime.py\nclass=Livetime\n",
        cfg="JOB_LIVETIME = 44",
        logging=None,
        tasks={"livetime.py": LIVETIME},
        files={name: formatted},
    )
    for decoy in ("catalog.cfg", "jobsched.cfg", "logging.cfg"):
        (tmp_path / "work" / decoy).write_text("raise SystemExit('not me')")

    with server:
        (first, *_) = server.finished(server.schedule("livetime"))

        assert server.get("/catalog").json() == {"tasks": ["livetime"]}
        assert b"livetime 44" in server.get(f"/runs/{first['id']}/output").content
        until(lambda: server.lines("<run finished", "run=1 "), message="no line in the format")
        assert "[DEBUG] <" in server.written("stdout")
        assert server.written("stderr") == ""


def test_J6_J7_J10_arguments_are_strings_under_their_own_names(tmp_path: Path) -> None:
    catalog = (
        "[myGlamorousJob]\nfile=job.py\nclass=Recorder\n"
        "myFineParameter=1\nmyBelovedArgument=foo\npercent=50% of %(x)s\n"
        "[other]\nfile=job.py\nclass=Recorder\nmyFineParameter=2\n"
    )
    server = Server(tmp_path, catalog=catalog, tasks={"job.py": RECORDER})

    with server:
        jobs = [server.schedule("myGlamorousJob"), server.schedule("other")]
        ids = [server.finished(job)[0]["id"] for job in jobs]
        shown = [server.get(f"/runs/{run_id}/output").json() for run_id in ids]

    fine = {"myFineParameter": "1", "myBelovedArgument": "foo", "percent": "50% of %(x)s"}
    assert shown == [fine, {"myFineParameter": "2"}]


def test_J8_a_path_never_leads_out_of_the_tasks_dir(tmp_path: Path) -> None:
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'loaded')!r}, 'w')\nclass Evil: ...\n")
    server = Server(tmp_path, catalog="[evil]\nfile=../evil.py\nclass=Evil\n")

    message = refused(server)

    assert "[evil]" in message
    assert not (tmp_path / "loaded").exists()


@pytest.mark.parametrize(
    "broken", ["file=absent.py\nclass=ExampleJob", "file=example.py\nclass=NoSuchJob"]
)
def test_J9_a_missing_file_or_class_stops_the_start(tmp_path: Path, broken: str) -> None:
    message = refused(Server(tmp_path, catalog=f"{CATALOG}\n[broken]\n{broken}\n"))

    assert "[broken]" in message
    assert "Traceback" not in message


def test_J9_J15_the_mistakes_of_all_files_come_at_once(tmp_path: Path) -> None:
    server = Server(
        tmp_path,
        catalog=CATALOG.replace("class=ExampleJob", "class=ExampelJob"),
        cfg="JOB_LIVETIM = 1",
        logging=LOGGING.replace("level=DEBUG", "level=DEBUGG"),
    )
    server.data.mkdir(mode=0o755)
    (server.data / "jobsched.db").touch()  # an empty folder would simply be closed

    message = refused(server)

    for part in (
        "jobsched.cfg:1",
        "JOB_LIVETIME",
        "[example]",
        "ExampleJob",
        "DEBUG?",
        "chmod 700",
    ):
        assert part in message
    assert len(message.splitlines()) == 4


def test_J9_a_class_is_found_without_running_the_file(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    text = f"open({str(mark)!r}, 'w')\nclass Quiet:\n    def __call__(self, info): ...\n"
    catalog = "[quiet]\nfile=quiet.py\nclass=Quiet\n"

    with Server(tmp_path, catalog=catalog, tasks={"quiet.py": text}) as server:
        assert server.get("/catalog").json() == {"tasks": ["quiet"]}
        assert not mark.exists()


def test_J11_the_port_is_set_in_jobsched_cfg(tmp_path: Path) -> None:
    port = free_port()

    with Server(tmp_path, cfg=f"JOBSCHED_PORT = {port}", port=port) as server:
        assert server.get("/catalog").status_code == 200


def test_J11_without_a_setting_the_port_is_58631() -> None:
    from jobsched.settings import Settings

    assert Settings(conf_dir=Path(), tasks_dir=Path()).port == 58631


@pytest.mark.parametrize("kind", ["named", "default"])
def test_J12_J13_jobs_survive_a_restart(tmp_path: Path, kind: str) -> None:
    store = {"type": "sqlalchemy", "url": f"sqlite:///{tmp_path}/own.sqlite"}
    config = {"apscheduler.jobstores.default": store} if kind == "named" else {}
    server = Server(tmp_path, cfg=f"SCHED_CONFIG = {config!r}")

    with server:
        job = server.schedule("example", name="kept")
        before = server.get(job).json()
        server.restart()
        after = server.get(job).json()
        count = len(server.finished(job))
        server.finished(job, count + 1)

    assert [before[key] for key in ("id", "name", "interval")] == [
        after[key] for key in ("id", "name", "interval")
    ]
    assert (tmp_path / "own.sqlite").exists() == (kind == "named")
    assert (tmp_path / "data" / "jobsched.db").exists() == (kind == "default")


def test_J12_a_store_in_memory_forgets_and_costs_nothing_else(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        kept = server.schedule("example", name="kept", seconds=3600)
        server.stop()
        server.configure(
            "jobsched.cfg", "SCHED_CONFIG = {'jobstores': {'default': {'type': 'memory'}}}"
        )
        server.start()
        assert server.get("/jobs").json()["values"] == []
        server.schedule("example", name="forgotten")
        server.restart()
        assert server.get("/jobs").json()["values"] == []
        server.configure("jobsched.cfg", "")
        assert server.restart().get(kept).json()["name"] == "kept"


def test_J14_a_pool_of_one_runs_one_job_after_the_other(tmp_path: Path) -> None:
    slow = "import time\nclass Slow:\n    def __call__(self, info):\n        time.sleep(0.5)\n"
    server = Server(
        tmp_path,
        catalog="[slow]\nfile=slow.py\nclass=Slow\n",
        cfg="SCHED_CONFIG = {'apscheduler.executors.default': "
        "{'type': 'threadpool', 'max_workers': 1}}",
        tasks={"slow.py": slow},
    )

    with server:
        jobs = [server.schedule("slow"), server.schedule("slow")]
        runs = sorted(
            (server.finished(job)[0] for job in jobs), key=lambda found: str(found["started_at"])
        )

    assert runs[0]["ended_at"] <= runs[1]["started_at"]


def test_J15_an_unknown_store_stops_the_start(tmp_path: Path) -> None:
    cfg = "SCHED_CONFIG = {\n 'apscheduler.jobstores.default': {'type': 'redis'}}"

    message = refused(Server(tmp_path, cfg=cfg))

    assert "redis" in message
    assert f"{tmp_path}/conf/jobsched.cfg:2" in message
    assert "Traceback" not in message


@pytest.fixture
def restarted(tmp_path: Path) -> Iterator[Server]:
    """A server that may be started and stopped within one test."""
    with Server(tmp_path) as server:
        yield server


def test_J40_a_new_section_counts_after_a_restart(restarted: Server) -> None:
    restarted.configure(
        "catalog.cfg", f"{CATALOG}\n[new]\nfile=example.py\nclass=ExampleJob\nphrase=x\n"
    )
    body = {"task": "new", "name": "new", "interval": {"seconds": 1}}

    before = (restarted.get("/catalog").json()["tasks"], restarted.post("/jobs", json=body))
    restarted.restart()
    after = restarted.get("/catalog").json()["tasks"]

    assert "new" not in before[0]
    assert before[1].status_code == 404
    assert after[-1] == "new"
    restarted.finished(restarted.schedule("new"))


def test_J41_a_job_whose_task_is_gone_is_listed_and_logged(restarted: Server) -> None:
    job = restarted.schedule("example")
    restarted.finished(job)
    restarted.stop()
    restarted.configure("catalog.cfg", CATALOG.replace("[example]", "[renamed]"))

    restarted.start()

    job_id = restarted.get(job).json()["id"]
    until(lambda: restarted.lines(job_id, "not_started"), message="no error in the log")
    newest = restarted.runs(job)[0]
    assert "example" in newest["reason"]
    assert restarted.get("/healthz").status_code == 200


def test_J42_the_readme_has_the_sections_of_the_seed() -> None:
    text = (ROOT / "README.rst").read_text(encoding="utf-8")

    titles = re.findall(r"^(.+)\n(?:=+|-+|~+|#+)$", text, flags=re.MULTILINE)

    for section in ("installation", "configuration", "scheduling", "own tasks", "changelog"):
        assert any(section in title.lower() for title in titles), section
