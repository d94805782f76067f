"""``jobsched status``: how the server is."""

from typing import Any

from jobsched.cli import tables
from jobsched.cli.codes import FAILED, OK
from jobsched.cli.commands import base
from jobsched.cli.commands.base import Commands
from jobsched.cli.session import Session, session


def add(commands: Commands, name: str, about: str) -> None:
    """Add the command."""
    base.server(base.command(commands, name, session(_status), about, "jobsched status --json"))


def _status(asked: Session) -> int:
    found: dict[str, Any] = asked.api.get("/status")
    if asked.arguments.json:
        asked.document(found)
    else:
        parts, rest = found.pop("parts"), {**found, **_flat(found)}
        asked.lines(tables.facts(rest, asked.look))
        rows = [(p["name"], p["pid"], _life(p), p["started_at"], p["heartbeat_at"]) for p in parts]
        head = ("PART", "PID", "STATE", "STARTED", "HEARTBEAT")
        asked.lines(["", *tables.table(head, rows, asked.look)])
        found["parts"] = parts
    return OK if all(part["alive"] for part in found["parts"]) else FAILED


def _flat(found: dict[str, Any]) -> dict[str, object]:
    """Return in words what is an object of several numbers."""
    counts = {name: _counted(found[name]) for name in ("jobs", "runs", "services")}
    pause, queue = found["scheduling"], found["queue"]
    scheduling = "paused" if pause["paused"] else "active"
    leader = found["leader"] or {}
    return {
        **counts,
        "leader": leader.get("owner"),
        "scheduling": " ".join(filter(None, [scheduling, pause["reason"]])),
        "queue": f"{queue['waiting']} waiting",
        "nodes": ", ".join(str(node.get("name", node)) for node in found["nodes"]) or None,
    }


def _counted(counts: dict[str, int]) -> str | None:
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or None


def _life(part: dict[str, Any]) -> str:
    return "running" if part["alive"] else "lost"
