"""Seed 001: the program JobSchedServer from its start to its end, orderly or not."""

import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsched.jobschedserver import main
from tests.support.commands import Client, JobSchedServer, waiting_client
from tests.support.processes import end_all
from tests.support.server import ROOT, free_port
from tests.support.waiting import until

SEED = """
curl --data "name=sleep&command=sleep 0.1&sync=0" {address}/submit
curl --data "jobid=123,124,135" {address}/jobinfo
curl --data "job=sleep&group=default" {address}/jobinfo
curl --data "all=1" {address}/jobinfo
curl --data "jobid=123" {address}/kill
curl --data "jobid=123" {address}/wait
curl {address}/help
curl {address}/help?topic=command
curl {address}/shutdown
"""


def run(folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "jobsched.jobschedserver", *options],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_S1_the_database_is_made_and_kept(tmp_path: Path) -> None:
    with JobSchedServer(tmp_path) as server:
        assert server.database.exists()
        assert server.data.stat().st_mode & 0o777 == 0o700
        first = server.submit("echo kept", name="first")
        server.over(first)

        server.restart()

        assert server.row(first)["name"] == "first"
        assert server.get(f"/runs/{first}/output").text == "kept\n"
        assert server.submit("true") == first + 1


def test_S1_the_original_options_are_enough(tmp_path: Path) -> None:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "jobsched.jobschedserver", "-p", str(port)],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
    )
    try:
        stdout = process.stdout
        assert stdout is not None
        until(lambda: b"server ready" in stdout.readline())
        assert (tmp_path / "jobs.sqlite").exists()
    finally:
        process.terminate()
        process.communicate(timeout=30)
        end_all(tmp_path)  # a runner that is hardly born is told nothing and leaves later
    assert process.returncode == 0


def test_S2_help_tells_the_options(tmp_path: Path) -> None:
    done = run(tmp_path, "--help")

    assert done.returncode == 0
    for option in ("-a", "--addr", "-p", "--port", "-d", "--dbfile", "-j", "-c", "-l"):
        assert option in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_S2_it_is_started_from_its_sources_as_the_seed_prints_it(tmp_path: Path) -> None:
    options = ["-a", "127.0.0.1", "-p", "nonsense", "--dbfile", str(tmp_path / "jobs.sqlite")]
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, "JobSchedServer.py", *options],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("JobSchedServer: ")


def test_S3_a_port_in_use_is_an_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run(tmp_path, "-p", str(taken.getsockname()[1]))

    assert done.returncode != 0
    assert "cannot listen on 127.0.0.1 port" in done.stderr
    assert "Address already in use" in done.stderr


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ([], "-p/--port"),
        (["-p", "x"], "--port: must be a whole number"),
        (["-p", "1", "-j", "0"], "--jobs: must be from 1"),
        (["-p", "1", "-d", "no/where/f"], "--dbfile: there is no directory"),
        (["-p", "1", "-d", "a?b"], "question mark"),
        (["-p", "1", "-l", "no/where/log"], "--logfile: "),
        (["-p", "1", "-a", "0.0.0.0"], "can be reached by other machines"),  # noqa: S104
        (["-p", "1", "--nope"], "--nope"),
    ],
)
def test_S3_what_is_wrong_is_told(options: list[str], complaint: str, tmp_path: Path) -> None:
    done = run(tmp_path, *options)

    assert done.returncode == 2
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("options", [[], ["--clear"]])
def test_S1_a_database_of_another_program_is_refused(tmp_path: Path, options: list[str]) -> None:
    path = tmp_path / "other.sqlite"
    with sqlite3.connect(path) as file:
        file.execute("CREATE TABLE JobInfo (jobid INTEGER)")
    file.close()
    before = path.read_bytes()

    done = run(tmp_path, "-p", str(free_port()), "-d", str(path), *options)

    assert done.returncode == 2
    assert "a database of another program: it has the table 'JobInfo'" in done.stderr
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["other.sqlite"]


def test_S4_two_servers_work_side_by_side(tmp_path: Path) -> None:
    with JobSchedServer(tmp_path / "one") as one, JobSchedServer(tmp_path / "two") as two:
        assert one.ask("submit", command="pwd") == f"1\n{one.work}\n"
        assert two.ask("submit", command="pwd") == f"1\n{two.work}\n"

        second = run(tmp_path, "-p", str(free_port()), "-d", str(one.database))

        assert second.returncode == 2
        assert "another server is using" in second.stderr


def test_S5_as_many_jobs_run_as_may(tmp_path: Path) -> None:
    with JobSchedServer(tmp_path, jobs=2) as server:
        steps = [server.work / str(number) for number in range(3)]
        jobs = [server.submit(f"until [ -e {step} ]; do sleep 0.02; done") for step in steps]
        for job in jobs[:2]:
            server.reaches(job, "running")
        assert server.row(jobs[2])["status"] == "queued"

        steps[1].touch()

        server.reaches(jobs[2], "running")
        assert server.row(jobs[0])["status"] == "running"
        with waiting_client(server, "true") as client:
            assert server.row(client.job())["status"] == "queued"  # who waits counts as well


def test_S6_four_jobs_run_unless_told_otherwise(tmp_path: Path) -> None:
    from jobsched.jobschedserver import _parser

    assert _parser().parse_args(["-p", "1"]).jobs == "4"
    assert "(default: 4)" in run(tmp_path, "--help").stdout


def test_clear_forgets_all_jobs_but_no_token(tmp_path: Path) -> None:
    with JobSchedServer(tmp_path) as server:
        server.over(server.submit("head -c 100000 /dev/zero"))
        server.over(server.submit("true"))
        token = server.post("/tokens", json={"name": "ci", "role": "admin"}).json()["token"]
        server.stop()
        server.flags.append("--clear")

        server.start()

        headers = {"Authorization": f"Bearer {token}"}
        assert server.get("/jobinfo?all=1").status_code == 401
        listed = server.get("/jobinfo?all=1", headers=headers).text.splitlines()
        assert len(listed) == 1
        answer = server.post("/submit", data={"command": "echo a"}, headers=headers)
        assert answer.text == "1\na\n"
        assert not list((server.data / "runs").rglob("1.1.out"))


def test_clear_is_refused_while_old_jobs_live(tmp_path: Path) -> None:
    with JobSchedServer(tmp_path) as server:
        job = server.submit("sleep 300")
        server.reaches(job, "running")
        server.kill("parent")
        until(lambda: not server.pids()["web"])
        server.flags.append("--clear")

        assert server.launch().wait(30) == 2

        assert "--clear: jobs of an earlier start are still alive" in server.written("stderr")
        server.flags.remove("--clear")
        server.start()
        assert server.row(job)["status"] == "running"


def test_the_log_goes_to_a_file(tmp_path: Path) -> None:
    with JobSchedServer(tmp_path, flags=["-l", str(tmp_path / "the log's")]) as server:
        server.ask("submit", command="echo in-the-log")
        until(lambda: "in-the-log" in (tmp_path / "the log's").read_text())

        assert server.written("stdout") == ""
        assert (tmp_path / "the log's").stat().st_mode & 0o777 == 0o600
        server.stop()
        server.flags.clear()
        server.start()
        assert "server ready" in server.written("stdout")


def test_a_configuration_of_the_users_own_is_kept(tmp_path: Path) -> None:
    with JobSchedServer(tmp_path) as server:
        conf = server.data / "conf" / "jobsched.cfg"
        first, *rest = conf.read_text().splitlines(keepends=True)
        assert "Written by JobSchedServer" in first
        conf.write_text("".join(rest) + "ALLOW_SUBMIT = False\n")

        server.restart()

        answer = server.post("/submit", data={"command": "true"})
        assert answer.status_code == 403
        assert answer.text.startswith("Error: Commands are not run here")
        assert "ALLOW_SUBMIT" in conf.read_text()


def stop_by_command(server: JobSchedServer) -> int:
    assert server.ask("shutdown") == "Shutting down server\n"
    assert server.process is not None
    return server.process.wait(30)


def stop_by_ctrl_c(server: JobSchedServer) -> int:
    return server.stop(signal.SIGINT)


def stop_by_term(server: JobSchedServer) -> int:
    return server.stop(signal.SIGTERM)


@pytest.mark.parametrize("stop", [stop_by_command, stop_by_ctrl_c, stop_by_term])
def test_S37_S38_a_stop_ends_server_and_jobs(tmp_path: Path, stop: object) -> None:
    with JobSchedServer(tmp_path, jobs=2) as server:
        over = server.submit("exit 7")
        server.over(over)
        with waiting_client(server, "sleep 300") as client:
            jobs = [client.job(), *(server.submit("sleep 300 & sleep 300") for _ in range(2))]
            server.reaches(jobs[1], "running")

            assert stop(server) == 0  # type: ignore[operator]

            assert client.rest() == b""
        until(lambda: not server.processes(), 10, "everything has ended")
        server.start()
        assert [server.row(job)["status"] for job in jobs] == ["killed"] * 3
        assert server.row(over)["returncode"] == "7"
        assert not server.rows(status="queued,running")


@pytest.mark.parametrize("stop", [stop_by_command, stop_by_term])
def test_S37_clients_that_wait_do_not_change_how_their_jobs_are_stopped(
    tmp_path: Path, stop: object
) -> None:
    slowly = (
        "trap 'for i in 1 2 3; do sleep 1; done; exit 7' TERM; echo; while :; do sleep 0.05; done"
    )
    with JobSchedServer(tmp_path, jobs=3) as server:
        jobs = []
        clients = []
        for command in (slowly, "echo; sleep 300", "true"):
            if command == "true":
                server.submit("sleep 300")
            clients.append(Client(server.port, command))
            jobs.append(clients[-1].job())
            assert command == "true" or clients[-1].line()

        stop(server)  # type: ignore[operator]

        assert [client.rest() for client in clients] == [b""] * 3
        server.start()
        rows = [server.row(job) for job in jobs]
        assert [row["status"] for row in rows] == ["killed"] * 3
        assert {row["msg"] for row in rows} == {"The server was stopped."}
        assert [row["returncode"] for row in rows] == ["7", "-15", "-9"]
        for client in clients:
            client.close()


def test_S37_shutdown_needs_the_whole_server(tmp_path: Path) -> None:
    from tests.support.native import native_api

    with native_api(tmp_path) as api:
        from jobsched.web.commands import commands

        api.app.register_blueprint(commands)
        answer = api.client().get("/shutdown")

    assert answer.status_code == 409
    assert answer.text.startswith("Error: The parts of this server were started one by one")


@pytest.fixture
def crashed(tmp_path: Path) -> Iterator[tuple[JobSchedServer, dict[str, int], list[Client]]]:
    """A server whose processes have all been killed but for its runners, and jobs of each kind."""
    with JobSchedServer(tmp_path, jobs=4) as server:
        clients = [Client(server.port, "sleep 300 & sleep 300") for _ in range(2)]
        jobs = {
            "waited for": clients[0].job(),
            "waited for, too": clients[1].job(),
            "long": server.submit(f"until [ -e {server.work}/go ]; do sleep 0.05; done; exit 6"),
            "short": server.submit("sleep 2; exit 5"),
        }
        for job in jobs.values():
            server.reaches(job, "running")
        clients.append(Client(server.port, "touch started"))
        jobs["waited for in the queue"] = clients[2].job()
        jobs["queued"] = server.submit("exit 4")
        server.kill("parent")
        until(lambda: not any(server.pids()[part] for part in ("web", "supervisor")))
        yield server, jobs, clients
        for client in clients:
            client.close()


def test_S39_after_a_crash_every_job_shows_the_truth(
    crashed: tuple[JobSchedServer, dict[str, int], list[Client]],
) -> None:
    server, jobs, clients = crashed
    assert clients[0].rest() == b""

    server.start()

    for name in ("waited for", "waited for, too", "waited for in the queue"):
        row = server.reaches(jobs[name], "killed")
        assert row["returncode"] == "-9"
        assert row["msg"] == "The client's connection was lost with the process that held it."
        until(lambda job=jobs[name]: not server.tree(job), 5)  # type: ignore[misc]
    assert not (server.work / "started").exists()
    assert server.row(jobs["long"])["status"] == "running"
    (server.work / "go").touch()
    assert server.over(jobs["long"])["returncode"] == "6"
    assert server.over(jobs["short"])["returncode"] == "5"
    assert server.over(jobs["queued"])["returncode"] == "4"


def test_S39_what_died_unseen_shows_killed(
    crashed: tuple[JobSchedServer, dict[str, int], list[Client]],
) -> None:
    server, jobs, _ = crashed
    for pid in server.pids()["runner"]:
        os.kill(pid, signal.SIGKILL)
    until(lambda: not server.pids()["runner"])

    server.start()

    row = server.reaches(jobs["long"], "killed")
    assert (row["returncode"], bool(row["msg"])) == ("-9", True)
    assert not server.tree(jobs["long"])
    assert server.over(jobs["queued"])["returncode"] == "4"


def test_S39_when_only_the_web_part_is_killed_its_clients_are_gone(tmp_path: Path) -> None:
    with JobSchedServer(tmp_path, jobs=2) as server:
        with waiting_client(server, "sleep 300 & sleep 300") as client:
            job, other = client.job(), server.submit("sleep 300")
            server.reaches(job, "running")
            server.reaches(other, "running")
            with waiting_client(server, "touch started") as second:
                queued = second.job()

                server.kill("web")

                until(server.is_ready)
                assert server.reaches(job, "killed", seconds=5)["returncode"] == "-9"
                assert server.reaches(queued, "killed", seconds=5)["returncode"] == "-9"
        assert not server.tree(job)
        assert server.row(other)["status"] == "running"
        assert not (server.work / "started").exists()


def test_S40_the_scripts_work(tmp_path: Path) -> None:
    scripts = tmp_path / "curl"
    shutil.copytree(ROOT / "examples" / "curl", scripts)
    with JobSchedServer(tmp_path, jobs=2) as server:
        variables = (scripts / "vars").read_text()
        assert re.findall(r"^(\w+)=", variables, re.MULTILINE) == ["Host", "Port", "ServerURL"]
        (scripts / "vars").write_text(variables.replace("4321", str(server.port)))

        def call(name: str, *arguments: str) -> str:
            done = subprocess.run(
                [str(scripts / name), *arguments],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                timeout=30,
                check=True,
            )
            return done.stdout

        assert call("help").startswith("Available commands: ")
        assert call("help", "wait").startswith("wait - ")
        assert call("submit_sync", "echo 'a & b'; echo c+d >&2") == "1\na & b\nc+d\n"
        assert call("submit_async", "sleep 300", "long") == "2\n"
        assert "\tlong\t" in call("jobinfo", "2")
        assert len(call("jobinfo-all").splitlines()) == 3
        assert call("killjob", "2") == "Job 2 has been killed\n"
        assert call("waitjob", "2") == ""
        assert call("shutdown") == "Shutting down server\n"
        assert server.process is not None
        assert server.process.wait(30) == 0


def test_S40_the_start_script_starts_a_server(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    scripts = repository / "examples" / "curl"
    shutil.copytree(ROOT / "examples" / "curl", scripts)
    port = free_port()
    variables = scripts / "vars"
    variables.write_text(variables.read_text().replace("4321", str(port)))
    process = subprocess.Popen(
        [str(scripts / "start_server"), "-j", "2"],
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHON": sys.executable,
            "PYTHONPATH": str(ROOT),
            "TMPDIR": str(tmp_path),
        },
        stdout=subprocess.PIPE,
    )
    try:
        stdout = process.stdout
        assert stdout is not None
        until(lambda: b"server ready" in stdout.readline())
        shut = subprocess.run([str(scripts / "shutdown")], capture_output=True, check=True)
        assert shut.stdout == b"Shutting down server\n"
        process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
        end_all(tmp_path)  # as above
    assert process.returncode == 0
    assert (tmp_path / "jobs.sqlite").exists()


def test_the_lines_of_the_seed_work_as_printed(tmp_path: Path) -> None:
    with JobSchedServer(tmp_path, jobs=2) as server:
        answers = []
        for line in SEED.strip().splitlines():
            here = line.format(address=f"127.0.0.1:{server.port}")
            done = subprocess.run(  # noqa: S602 - typed into a shell, as by the reader
                here, shell=True, capture_output=True, text=True, timeout=30, check=True
            )
            answers.append(done.stdout)
        assert server.process is not None
        assert server.process.wait(30) == 0

    submitted, by_id, by_name, everything, killed, waited, listed, topic, shut = answers
    assert submitted == "1\n"
    assert len(by_id.splitlines()) == 1
    assert len(by_name.splitlines()) == len(everything.splitlines()) == 2
    assert killed == waited == "Error: Job 123 does not exist\n"
    assert listed.startswith("Available commands: ")
    assert topic.startswith("Error: there is no help on 'command'.")
    assert shut == "Shutting down server\n"


def test_the_installed_program_is_this_one() -> None:
    text = (ROOT / "setup.py").read_text(encoding="utf-8")

    assert '"JobSchedServer = jobsched.jobschedserver:main"' in text
    with pytest.raises(SystemExit) as done:
        main(["--help"])
    assert done.value.code == 0
