"""debug.sh and test.sh: what they install, when, and what they pass on."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.server import ROOT, write

# Stands for the program and for pytest: tells how it was called.
TELLS = """\
import json, os, sys
ours = {k: v for k, v in os.environ.items() if k.startswith("JOBSCHED_")}
print(json.dumps({"arguments": sys.argv[1:], "folder": os.getcwd(), "variables": ours}))
"""
PYTHON = """\
#!/bin/sh
case "$*" in
*"-m pip install"*) echo "$*" >> {log} ;;
*) exec {python} "$@" ;;
esac
"""


class Project:
    """The scripts in a folder, with a program that only tells how it was called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        self.log = folder / "installed"
        for name in (".ci/python", "debug.sh", "test.sh"):
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.folder / name)
        for name in ("requirements.txt", "tests/requirements.txt"):
            (self.folder / name).parent.mkdir(exist_ok=True)
            (self.folder / name).write_text("flask\n")
        (self.folder / "jobsched").mkdir()
        (self.folder / "jobsched" / "__main__.py").write_text(TELLS)
        (self.folder / "pytest.py").write_text(TELLS)
        (folder / "venv" / "bin").mkdir(parents=True)
        python = PYTHON.format(log=self.log, python=sys.executable)
        write(folder / "venv" / "bin" / "python", python)
        self.environment = {"PATH": os.environ["PATH"], "VIRTUAL_ENV": str(folder / "venv")}

    def run(self, script: str, *arguments: str, **variables: str) -> dict[str, object]:
        result = subprocess.run(
            [self.folder / script, *arguments],
            cwd=self.folder.parent,
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        told: dict[str, object] = json.loads(result.stdout)
        return told

    @property
    def installs(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_packages_are_installed_only_when_the_list_has_changed(project: Project) -> None:
    counts = []
    for content in ("flask\n", "flask\n", "flask\nyaml\n"):
        (project.folder / "requirements.txt").write_text(content)
        project.run("debug.sh")
        counts.append(len(project.installs))

    assert counts == [1, 1, 2]
    assert "-r requirements.txt" in project.installs[0]


def test_debug_sh_starts_the_sample_configuration(project: Project) -> None:
    told = project.run("debug.sh", "--jobs", "3")

    here = str(project.folder)
    assert told == {
        "arguments": ["--jobs", "3"],
        "folder": here,
        "variables": {
            "JOBSCHED_CONF_DIR": f"{here}/conf",
            "JOBSCHED_TASKS_DIR": f"{here}/tasks",
            "JOBSCHED_DATA_DIR": f"{here}/var",
        },
    }


def test_the_callers_own_variables_win_and_start_where_he_is(project: Project) -> None:
    told = project.run("debug.sh", JOBSCHED_DATA_DIR="mine", JOBSCHED_PORT="1234")

    variables = told["variables"]
    assert isinstance(variables, dict)
    assert variables["JOBSCHED_DATA_DIR"] == f"{project.folder.parent}/mine"
    assert variables["JOBSCHED_PORT"] == "1234"


def test_test_sh_hands_its_arguments_to_pytest_but_no_settings(project: Project) -> None:
    told = project.run(
        "test.sh", "-k", "a or b", JOBSCHED_PORT="1", JOBSCHED_TEST_POSTGRESQL="postgresql://x"
    )

    assert told["arguments"] == ["-k", "a or b"]
    assert told["variables"] == {"JOBSCHED_TEST_POSTGRESQL": "postgresql://x"}
    assert "-r tests/requirements.txt" in project.installs[0]


def test_an_old_python_is_named(project: Project, tmp_path: Path) -> None:
    write(tmp_path / "venv" / "bin" / "python", "#!/bin/sh\nexit 1\n")

    with pytest.raises(subprocess.CalledProcessError) as failure:
        project.run("debug.sh")

    assert "3.11" in failure.value.stderr
