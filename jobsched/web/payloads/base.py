"""What every payload has in common: strict types and no unknown field.

One model serves three ends: it checks a request, it is a schema of /openapi.json, and its field
descriptions are the documentation.
"""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict


class Payload(BaseModel):
    """A JSON object with exactly the fields that its class names."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False
    )

    def given(self) -> dict[str, Any]:
        """Return the fields to which the caller gave a value other than null."""
        return {
            name: getattr(self, name)
            for name in type(self).model_fields
            if name in self.model_fields_set and getattr(self, name) is not None
        }


class Nothing(Payload):
    """An empty object: for routes that take no fields or no query parameters."""
