"""The examples of docs/celigo.rst, one after the other, get the answers that stand below them."""

import json
import re
import subprocess
import textwrap
from pathlib import Path
from typing import Any

from tests.support.server import ROOT, Server
from tests.support.waiting import until

TEXT = (ROOT / "docs" / "celigo.rst").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^    \$ (.+)\n((?:    (?!\$ ).+\n)*)", TEXT, re.MULTILINE)
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def block(beginning: str) -> str:
    """Return the literal block that begins so."""
    [found] = re.findall(rf"^    {re.escape(beginning)}\n(?:(?:    .*)?\n)*", TEXT, re.MULTILINE)
    return textwrap.dedent(found)


def answer(command: str, server: Server) -> str:
    here = command.replace("127.0.0.1:58631", f"127.0.0.1:{server.port}")
    done = subprocess.run(  # noqa: S602 - typed into a shell, as by the reader
        here, shell=True, capture_output=True, text=True, timeout=30, check=True
    )
    return done.stdout.replace(str(server.port), "58631")


def holds(shown: Any, given: Any) -> bool:
    """Return whether *given* has everything that is *shown*."""
    if isinstance(shown, dict):
        return all(name in given and holds(shown[name], given[name]) for name in shown)
    if isinstance(shown, list):
        return len(shown) == len(given) and all(map(holds, shown, given))
    if isinstance(shown, str) and MOMENT.fullmatch(shown):
        return MOMENT.fullmatch(given) is not None
    return bool(shown == given)


def test_every_example_is_answered_as_shown(tmp_path: Path) -> None:
    assert len(EXAMPLES) >= 14
    catalog, task = block("[sync]"), block("class Sync:")

    with Server(tmp_path, catalog=catalog, tasks={"sync.py": task}) as server:
        for command, shown in EXAMPLES:
            said = answer(command, server)
            if not shown:
                assert said == "", command
                continue
            expected = json.loads(shown)
            if " -X " in command or " -d " in command:
                assert holds(expected, json.loads(said)), (command, said)
            else:  # what is looked at may take a while to become so
                until(
                    lambda: holds(expected, json.loads(answer(command, server))),  # noqa: B023
                    message=f"{command}: {said}",
                )


def test_every_filter_is_explained() -> None:
    from jobsched.web.celigo.payloads import CeligoQuery

    names = {field.alias or name for name, field in CeligoQuery.model_fields.items()}
    counts = {name for name in names if name.startswith("num")}

    assert {name for name in names - counts - {"cursor"} if f"``{name}``" not in TEXT} == set()
    assert {name.partition("_")[0] for name in counts} == {"numSuccess", "numIgnore", "numError"}
