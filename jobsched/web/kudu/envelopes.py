"""The envelope of the Azure resource manager (ARM) around what Kudu answers.

Kudu wraps its own answers when a request came through ARM, which the header x-ms-geo-location
tells (K Kudu.Services/Arm/ArmUtils.cs).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from flask import request

Body = dict[str, Any]
LOCATION = "x-ms-geo-location"
_HERE = "local"  # the region, where nobody says one
_TYPES = "Microsoft.Web/sites"


def wanted() -> bool:
    """Return whether the present request came through ARM."""
    return LOCATION in request.headers


def resource(path: str, kind: str, name: str, properties: Mapping[str, Any]) -> Body:
    """Return one thing: *path* is its id, *kind* such as ``triggeredwebjobs``."""
    return {
        "id": path,
        "name": name,
        "type": f"{_TYPES}/{kind}",
        "location": request.headers.get(LOCATION, _HERE),
        "properties": properties,
    }


def page(resources: Iterable[Body]) -> Body:
    """Return a list of things; there is never more than one page."""
    return {"value": [*resources], "nextLink": None}
