"""Installation of jobsched; the tools' settings are in pyproject.toml."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = "0.2.0"


def _requirements(name: str) -> list[str]:
    lines = (HERE / name).read_text(encoding="utf-8").splitlines()
    return [line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()]


def _files(folder: str) -> list[str]:
    return sorted(str(path) for path in Path(folder).iterdir() if path.is_file())


setup(
    name="jobsched",
    version=VERSION,
    description="cron with an HTTP API that tells the truth",
    long_description=(HERE / "README.rst").read_text(encoding="utf-8"),
    long_description_content_type="text/x-rst",
    python_requires=">=3.11",
    packages=find_packages(include=["jobsched", "jobsched.*"]),
    package_data={"jobsched": ["py.typed"], "jobsched.storage.migrations": ["*.mako"]},
    data_files=[
        # The sample configuration; and what this file reads, so that a source archive has it.
        ("share/jobsched/conf", _files("conf")),
        ("share/jobsched/tasks", _files("tasks")),
        ("share/jobsched", ["requirements.txt", "CHANGES.rst"]),
        ("share/jobsched/tests", ["tests/requirements.txt"]),
    ],
    install_requires=_requirements("requirements.txt"),
    extras_require={
        "postgresql": ["psycopg[binary]>=3.2,<4"],
        "holidays": ["holidays>=0.60,<1"],
        "icalendar": ["icalendar>=6,<8"],
        "test": _requirements("tests/requirements.txt"),
    },
    entry_points={
        "console_scripts": [
            "jobsched = jobsched.cli:main",
            "JobSchedServer = jobsched.jobschedserver:main",
        ],
        "apscheduler.jobstores": ["jobsched = jobsched.scheduling.jobstore:JobStore"],
        "apscheduler.executors": ["jobsched = jobsched.scheduling.executor:QueueExecutor"],
        "apscheduler.triggers": [
            "jobsched_interval = jobsched.triggers.plugins:Interval",
            "jobsched_at = jobsched.triggers.plugins:At",
            "jobsched_cron = jobsched.triggers.plugins:Cron",
            "jobsched_recurrence = jobsched.triggers.plugins:Recurrence",
            "jobsched_any = jobsched.triggers.plugins:Any",
        ],
    },
)
