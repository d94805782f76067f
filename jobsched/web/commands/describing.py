"""What the OpenAPI document says of a command: made of what the help says."""

from pydantic import BaseModel, Field, create_model

from jobsched.web.commands.parameters import TOPICS, Parameter


def query_of(command: str) -> type[BaseModel]:
    """Return the model of a command's parameters: the query of GET, the form of POST."""
    fields = {each.name: (_kind(each), _field(each)) for each in TOPICS[command].parameters}
    return create_model(f"Command{command.title()}Query", **fields)  # type: ignore[call-overload,no-any-return]


def _kind(parameter: Parameter) -> object:
    return str if parameter.required else str | None


def _field(parameter: Parameter) -> object:
    default = ... if parameter.required else parameter.default
    return Field(default, description=parameter.help)
