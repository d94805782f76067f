import os
from pathlib import Path

import pytest

from jobsched.execution.script import SCRIPT_TYPES
from jobsched.webjobs.choice import Scripts
from tests.support.webjobs import ANY, SUFFIXES

SEED = [".cmd", ".bat", ".exe", ".ps1", ".sh", ".php", ".py", ".js", ".jar"]


def chosen(folder: Path, *names: str, scripts: Scripts = ANY, job: str = "job") -> str | None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x", encoding="utf-8")
    found = scripts.choose(folder, job)
    return None if found is None else found.relative_to(folder).as_posix()


def test_the_one_table_of_types_has_the_seeds_order() -> None:
    assert [suffix for suffix in SCRIPT_TYPES if suffix in SEED] == SEED
    assert SCRIPT_TYPES[".jar"] == ("java", "-jar")


def test_w4_a_folder_without_a_known_type_has_no_script(tmp_path: Path) -> None:
    assert chosen(tmp_path, "readme.txt", "run", "run.txt") is None


def test_w5_run_of_any_type_beats_every_other_name(tmp_path: Path) -> None:
    assert chosen(tmp_path, "foo.cmd", "run.js") == "run.js"


def test_w6_run_is_taken_in_the_order_of_types(tmp_path: Path) -> None:
    names = [f"run{suffix}" for suffix in SUFFIXES]

    walked = []
    while (name := chosen(tmp_path, *names)) is not None:
        walked.append(name)
        names.remove(name)
        (tmp_path / name).unlink()

    assert walked == [f"run{suffix}" for suffix in SUFFIXES]


def test_w7_without_run_the_first_file_of_the_first_type_is_taken(tmp_path: Path) -> None:
    assert chosen(tmp_path, "z.sh", "b.py", "a.py", "a.js") == "z.sh"
    (tmp_path / "z.sh").unlink()
    assert chosen(tmp_path) == "a.py"


def test_suffixes_and_names_are_compared_without_case(tmp_path: Path) -> None:
    assert chosen(tmp_path, "A.PY", "Run.SH") == "Run.SH"


def test_w8_files_in_sub_folders_do_not_count(tmp_path: Path) -> None:
    assert chosen(tmp_path, "data.txt", "inner/run.sh") is None
    assert chosen(tmp_path, "other.py", "inner/run.sh") == "other.py"


@pytest.mark.parametrize("beside", [(), ("settings.job",), ("settings.job", "disable.job")])
def test_w8_the_one_inner_folder_is_looked_into(tmp_path: Path, beside: tuple[str, ...]) -> None:
    assert chosen(tmp_path, "top/inner/run.sh", *beside) == "top/inner/run.sh"


def test_w8_two_inner_folders_are_not_looked_into(tmp_path: Path) -> None:
    assert chosen(tmp_path, "one/run.sh", "two/run.sh") is None


def test_w9_a_type_without_interpreter_gives_way_to_one_that_can_run(tmp_path: Path) -> None:
    scripts = Scripts(suffixes=SUFFIXES, can_run=lambda path: path.suffix == ".py")

    assert chosen(tmp_path, "run.cmd", "other.py", scripts=scripts) == "other.py"


def test_w9_where_nothing_can_run_the_script_is_chosen_all_the_same(tmp_path: Path) -> None:
    scripts = Scripts(suffixes=SUFFIXES, can_run=lambda path: False)

    assert chosen(tmp_path, "run.cmd", "a.bat", scripts=scripts) == "run.cmd"


def test_a_program_named_like_the_job_is_preferred(tmp_path: Path) -> None:
    assert chosen(tmp_path, "aaa.exe", "Job.exe", "createdump.exe") == "Job.exe"


def test_what_dotnet_publish_leaves_is_no_script_while_there_is_another(tmp_path: Path) -> None:
    assert chosen(tmp_path, "createdump.exe", "worker.exe") == "worker.exe"


def test_a_folder_that_is_not_there_has_no_script(tmp_path: Path) -> None:
    assert ANY.choose(tmp_path / "nowhere", "job") is None


def test_names_that_no_text_can_tell_are_no_scripts(tmp_path: Path) -> None:
    for name in (b"run\xff.sh", b"line\nbreak.sh"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).touch()

    assert chosen(tmp_path) is None
    assert chosen(tmp_path, "other.py") == "other.py"


def test_a_folder_named_like_a_script_is_none(tmp_path: Path) -> None:
    (tmp_path / "run.sh").mkdir()
    assert chosen(tmp_path, "other.py") == "other.py"
