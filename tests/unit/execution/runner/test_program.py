"""What the runner's program is made of; what it does is in tests/integration."""

import subprocess
import sys
from pathlib import Path

import pytest

from jobsched.execution.runner import program as runner

ROOT = Path(runner.__file__).parents[3]


def test_the_runner_imports_the_standard_library_and_its_neighbours_only() -> None:
    script = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); import jobsched.execution.runner.program\n"
        "print(*{name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names)\n"
        "print(*[name for name in sys.modules if name.startswith('jobsched')])"
    )

    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=True
    )

    foreign, ours = done.stdout.splitlines()
    assert set(foreign.split()) == {"__main__", "jobsched"} - set(sys.stdlib_module_names)
    assert all(
        name.startswith("jobsched.execution.") or name in {"jobsched", "jobsched.execution"}
        for name in ours.split()
    )


@pytest.mark.parametrize("arguments", [[], ["--folder"], ["folder"], ["--folder", "a", "b"]])
def test_anything_but_a_folder_is_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert runner.main(arguments) == 2
    assert capsys.readouterr().err == "usage: runner.py --folder DIR\n"
