"""load(): which source wins, and that every mistake is told at once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from jobsched.errors import ConfigurationError
from jobsched.settings import Settings, load

Load = Callable[..., Settings]


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    folder = tmp_path / "conf"
    folder.mkdir()
    (tmp_path / "tasks").mkdir()
    return folder


@pytest.fixture
def load_cfg(conf: Path) -> Load:
    """Load the text given as jobsched.cfg, with flags and environment."""

    def load_it(cfg: str = "", environ: dict[str, str] | None = None, **flags: object) -> Settings:
        (conf / "jobsched.cfg").write_text(cfg)
        folders = {"conf_dir": str(conf), "tasks_dir": str(conf.parent / "tasks")}
        return load({**folders, **flags}, environ or {})

    return load_it


def mistakes_of(call: Callable[[], object]) -> list[str]:
    with pytest.raises(ConfigurationError) as refusal:
        call()
    return [str(mistake) for mistake in refusal.value.mistakes]


def test_without_any_file_the_defaults_hold(conf: Path) -> None:
    settings = load({"conf_dir": str(conf), "tasks_dir": str(conf)}, {})

    assert (settings.host, settings.port, settings.job_livetime) == ("127.0.0.1", 58631, 60)
    assert settings.data_dir == Path.cwd() / "var"
    assert settings.database_url == f"sqlite:///{Path.cwd()}/var/jobsched.db"
    assert settings.capacity >= 4
    assert settings.runs_dir == settings.data_dir / "runs"


def test_a_flag_wins_over_environment_over_file(load_cfg: Load) -> None:
    cfg, environ = "JOBSCHED_PORT = 1001", {"JOBSCHED_PORT": "1002"}

    assert load_cfg(cfg).port == 1001
    assert load_cfg(cfg, environ).port == 1002
    assert load_cfg(cfg, environ, port=1003).port == 1003
    assert load_cfg(cfg, environ, port=None).port == 1002


def test_a_flag_may_be_given_under_its_own_name(load_cfg: Load) -> None:
    assert load_cfg(jobs=7).capacity == 7


def test_the_folders_may_come_from_the_environment(conf: Path) -> None:
    settings = load({}, {"JOBSCHED_CONF_DIR": str(conf), "JOBSCHED_TASKS_DIR": str(conf)})

    assert settings.conf_dir == settings.tasks_dir == conf


def test_missing_folders_are_named_by_their_flags() -> None:
    mistakes = mistakes_of(lambda: load({}, {}))

    assert [mistake.split(":")[0] for mistake in mistakes] == ["--conf-dir", "--tasks-dir"]


def test_a_folder_that_does_not_exist_is_named_with_its_option(tmp_path: Path) -> None:
    absent = tmp_path / "absent"

    mistakes = mistakes_of(lambda: load({"conf_dir": str(absent), "tasks_dir": str(absent)}, {}))

    assert mistakes == [
        f"--conf-dir: there is no directory {absent}",
        f"--tasks-dir: there is no directory {absent}",
    ]


def test_all_mistakes_come_at_once_with_file_and_line(load_cfg: Load, conf: Path) -> None:
    cfg = "\n".join(
        [
            "JOB_LIVETIME = 'long'",
            "JOBSCHED_PROT = 1",
            "SCHED_CONFIG = {",
            "    'apscheduler.jobstores.default': {",
            "        'type': 'redis',",
            "    },",
            "    'job_default': {},",
            "    'apscheduler.job_defaults.coalesc': True,",
            "}",
        ]
    )

    mistakes = mistakes_of(lambda: load_cfg(cfg, {"JOBSCHED_RUNNERS": "0"}, port="x"))

    assert "--port: must be a whole number, not 'x'" in mistakes
    assert "JOBSCHED_RUNNERS: must be from 1 to 64, not 0" in mistakes
    file = conf / "jobsched.cfg"
    assert f"{file}:1: JOB_LIVETIME must be a number, not 'long'" in mistakes
    assert any(m.startswith(f"{file}:2: ") and "JOBSCHED_PORT" in m for m in mistakes)
    assert any(m.startswith(f"{file}:5: ") and "redis" in m for m in mistakes)
    assert any(m.startswith(f"{file}:8: ") and "coalesce?" in m for m in mistakes)


@pytest.mark.parametrize(
    ("cfg", "line", "word"),
    [
        ("JOB_LIVETIME = 1\nHOST = = 2", 2, "valid Python"),
        ("\nimport nowhere_to_be_found", 2, "ModuleNotFoundError"),
        ("def f():\n    raise KeyError('x')\nf()", 2, "KeyError"),
        ("raise SystemExit(0)", 1, "SystemExit"),
        ("HOST = 'a'\nJOB_LIVETIME: float = 'long'", 2, "must be a number"),
    ],
)
def test_broken_python_is_told_with_its_line(
    load_cfg: Load, conf: Path, cfg: str, line: int, word: str
) -> None:
    (mistake,) = mistakes_of(lambda: load_cfg(cfg))

    assert mistake.startswith(f"{conf / 'jobsched.cfg'}:{line}: ")
    assert word in mistake


def test_a_cfg_that_is_no_text_file_is_told(load_cfg: Load, conf: Path) -> None:
    assert "not valid Python" in mistakes_of(lambda: load_cfg("HOST = '\0'"))[0]
    (conf / "jobsched.cfg").unlink()
    (conf / "jobsched.cfg").mkdir()

    (mistake,) = mistakes_of(lambda: load({"conf_dir": str(conf), "tasks_dir": str(conf)}, {}))

    assert mistake == f"{conf / 'jobsched.cfg'}: cannot be read: Is a directory"


def test_lower_case_and_underscored_names_are_the_files_own(load_cfg: Load) -> None:
    settings = load_cfg(
        "import os\nfrom os import path\n_BASE = 30\nhalf = 2\nJOB_LIVETIME = _BASE"
    )

    assert settings.job_livetime == 30


@pytest.mark.parametrize("place", ["file", "folder"])
def test_code_that_everybody_may_change_is_refused(load_cfg: Load, conf: Path, place: str) -> None:
    load_cfg("JOB_LIVETIME = 1")
    (conf / "jobsched.cfg" if place == "file" else conf).chmod(0o777)

    (mistake,) = mistakes_of(lambda: load_cfg("raise SystemError"))

    assert "writable by everybody" in mistake
    conf.chmod(0o700)


def test_the_database_of_sched_config_yields_to_a_setting(load_cfg: Load) -> None:
    cfg = "SCHED_CONFIG = {'apscheduler.jobstores.default': {'url': 'sqlite:////a.db'}}"

    assert load_cfg(cfg).database_url == "sqlite:////a.db"
    assert (
        load_cfg(cfg, {"JOBSCHED_DATABASE_URL": "postgresql://b"}).database_url == "postgresql://b"
    )


def test_a_volatile_database_is_a_file_of_its_own(load_cfg: Load) -> None:
    settings = load_cfg("SCHED_CONFIG = {'jobstores': {'default': {'type': 'memory'}}}")

    assert settings.volatile
    assert settings.database_url.endswith("var/volatile.db")


def test_the_pool_of_sched_config_is_the_capacity_unless_j_is_given(load_cfg: Load) -> None:
    cfg = "SCHED_CONFIG = {'apscheduler.executors.default': {'max_workers': 1}}"

    assert load_cfg(cfg).capacity == 1
    assert load_cfg(cfg, jobs=3).capacity == 3


def test_an_unknown_variable_is_a_mistake(load_cfg: Load) -> None:
    environ = {"JOBSCHED_TRUSTED_HOST": "x", "JOBSCHED_WHATEVER": "y"}

    mistakes = mistakes_of(lambda: load_cfg(environ=environ))

    assert mistakes == [
        "JOBSCHED_TRUSTED_HOST: is no setting. Did you mean JOBSCHED_TRUSTED_HOSTS?",
        "JOBSCHED_WHATEVER: is no setting.",
    ]


def test_a_job_may_start_a_server(load_cfg: Load) -> None:
    names = ("JOB_ID", "RUN_ID", "DUE_AT", "ATTEMPT", "PARAMS", "PARAM_X", "COOKIE", "TEST_X")

    assert load_cfg(environ={f"JOBSCHED_{name}": "x" for name in names})


def test_a_database_password_is_not_shown(load_cfg: Load) -> None:
    settings = load_cfg(environ={"JOBSCHED_DATABASE_URL": "postgresql://me:secret@db/jobs"})

    assert "secret" not in repr(settings)


@pytest.mark.parametrize("name", ["WEBJOBS_IDLE_TIMEOUT", "SCM_JOBS_IDLE_TIMEOUT"])
def test_settings_of_web_jobs_may_have_their_older_names(load_cfg: Load, name: str) -> None:
    assert load_cfg(f"{name} = 3").webjobs_idle_timeout == 3.0
    assert load_cfg("", {f"JOBSCHED_{name}": "4"}).webjobs_idle_timeout == 4.0


def test_the_present_name_wins_over_an_older_one(load_cfg: Load) -> None:
    cfg = "SCM_MAX_JOB_RUNS = 3\nWEBJOBS_HISTORY_SIZE = 5"

    assert load_cfg(cfg).webjobs_history_size == 5


def test_a_mistake_under_an_older_name_is_told_at_its_line(load_cfg: Load) -> None:
    (mistake,) = mistakes_of(lambda: load_cfg("\nSCM_MAX_JOB_RUNS = 0"))

    assert "jobsched.cfg:2" in mistake
