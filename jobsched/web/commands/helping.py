"""/help: the commands, and the parameters of one."""

from flask import Response

from jobsched.model import Role
from jobsched.web.commands.blueprint import command, complaint, text
from jobsched.web.commands.parameters import TOPICS, Parameter, given, short
from jobsched.web.gate import changes_nothing, needs


@command("help")
@needs(Role.VIEWER)
@changes_nothing
def show_help() -> Response:
    """Tell which commands there are, or explain one."""
    topic = given("help").get("topic")
    available = f"Available commands: {', '.join(TOPICS)}"
    if topic is None:
        return text(available)
    if topic not in TOPICS:
        return text(complaint(f"there is no help on {short(topic)!r}."), available)
    found = TOPICS[topic]
    lines = [f"{topic} - {found.description}"]
    if found.parameters:
        lines += ["Parameters:", *map(_explained, found.parameters)]
    return text(*lines)


def _explained(parameter: Parameter) -> str:
    note = ". Required." if parameter.required else ""
    if parameter.default is not None:
        note = f" (default is {parameter.default})"
    return f"  {parameter.name}: {parameter.help}{note}"
