"""A catalog of the test's own: written, loaded, its mistakes."""

from pathlib import Path

import pytest

from jobsched.catalog import Catalog, load
from jobsched.errors import ConfigurationError


class Site:
    """A conf folder and a tasks folder."""

    def __init__(self, root: Path) -> None:
        self.conf = root / "conf"
        self.tasks = root / "tasks"
        self.conf.mkdir()
        self.tasks.mkdir()
        self.file("job.py", 'class Job:\n    """Does it.\n\n    At length."""\n')

    def file(self, name: str, text: str) -> None:
        (self.tasks / name).write_text(text, encoding="utf-8")

    def load(self, catalog: str) -> Catalog:
        (self.conf / "catalog.cfg").write_text(catalog, encoding="utf-8")
        return load(self.conf, self.tasks)

    def mistakes(self, catalog: str) -> list[str]:
        with pytest.raises(ConfigurationError) as refusal:
            self.load(catalog)
        return [str(m).removeprefix(f"{self.conf}/") for m in refusal.value.mistakes]


def job(*lines: str) -> str:
    return "\n".join(["[one]", "file=job.py", "class=Job", *lines])
