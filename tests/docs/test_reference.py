"""What exists is documented: settings, catalog options, errors, events, documents themselves."""

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from operator import attrgetter
from pathlib import Path
from typing import get_args

import pytest

from jobsched import errors
from jobsched.catalog import policy
from jobsched.settings import Settings
from jobsched.web.rules import Rule
from tests.support.server import ROOT

DOCS = ROOT / "docs"
_PUBLISHERS = {"_tell", "tell"}
_ANNOUNCED = {"job": "job ", "run": "run ", "server": ""}  # operations.announce


def text_of(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def classes_below(kind: type[errors.JobschedError]) -> Iterator[type[errors.JobschedError]]:
    if kind.__module__ == errors.__name__:  # others never leave the part that raises them
        yield kind
    for child in kind.__subclasses__():
        yield from classes_below(child)


@pytest.mark.parametrize(
    "setting", [f for f in fields(Settings) if f.metadata], ids=attrgetter("name")
)
def test_every_setting_is_documented_under_all_its_names(setting: object) -> None:
    metadata = setting.metadata  # type: ignore[attr-defined]
    text = text_of("configuration.rst")
    key = metadata["key"] or metadata["env"]

    heading = re.search(rf"^.*``{key}``.*$", text, flags=re.MULTILINE)

    assert heading is not None
    assert metadata["flag"] is None or f"``{metadata['flag']}``" in heading[0]
    assert metadata["doc"].endswith(".")


@pytest.mark.parametrize("key", sorted(policy._KEYS))
def test_every_option_of_the_catalog_is_documented(key: str) -> None:
    assert f"``jobsched.{key}``" in text_of("configuration.rst")


@pytest.mark.parametrize(
    "kind",
    sorted({*classes_below(errors.JobschedError)}, key=attrgetter("__name__")),
    ids=attrgetter("__name__"),
)
def test_every_error_is_documented_with_its_status(kind: type[errors.JobschedError]) -> None:
    text = text_of("errors.rst")
    slug = re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__).lower()

    if kind is errors.ConfigurationError:
        assert "``ConfigurationError``" in text
    else:
        assert f"``/errors/{slug}`` ({kind.__name__})\n" in text
        assert str(kind.status)[0] + "xx" in text or str(kind.status) in text


def rules_in(path: Path) -> Iterator[str]:
    """Yield the rules that the source at *path* says are broken, as far as constant."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield from constants([word.value for word in node.keywords if word.arg == "rule"])
            if isinstance(node.func, ast.Attribute) and node.func.attr in {"refuse", "field"}:
                yield from constants(node.args[1:2])


def test_every_rule_that_inputs_break_is_documented() -> None:
    sources = [path for path in (ROOT / "jobsched").rglob("*.py") if path.parent.name != "app"]
    broken = {rule for path in sources for rule in rules_in(path)}

    broken.update(get_args(Rule))

    assert len(broken) > 20
    assert {rule for rule in broken if f"``{rule}``" not in text_of("errors.rst")} == set()


def events_in(path: Path) -> Iterator[str]:
    """Yield the names of the events that the source at *path* publishes, as far as constant."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        called = getattr(node.func, "id", None) or getattr(node.func, "attr", None)
        names = [keyword.value for keyword in node.keywords if keyword.arg == "name"]
        if called == "Event":
            yield from constants(names)
        elif called in _PUBLISHERS:
            yield from constants(node.args[:1])
        elif called in _ANNOUNCED and ast.unparse(node.func).endswith(f"announce.{called}"):
            yield from (_ANNOUNCED[called] + name for name in constants(node.args[:1]))


def constants(nodes: list[ast.expr]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_every_event_is_documented() -> None:
    text = text_of("events.rst")

    published = {name for path in (ROOT / "jobsched").rglob("*.py") for name in events_in(path)}

    assert len(published) >= 5
    assert {name for name in published if f"``{name}``" not in text} == set()


@pytest.mark.parametrize(
    "path", [*sorted(DOCS.glob("*.rst")), ROOT / "README.rst"], ids=attrgetter("name")
)
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    targets = re.findall(r"<([\w/.-]+\.rst)>`_", path.read_text(encoding="utf-8"))

    assert [name for name in targets if not (path.parent / name).exists()] == []
