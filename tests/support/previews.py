"""Asking for previews through the native API."""

from typing import Any

from flask.testing import FlaskClient

from jobsched.web.payloads import PreviewAnswer

FROM = "2026-03-27T12:00:00Z"
BERLIN = "Europe/Berlin"


def previewed(client: FlaskClient, **body: Any) -> dict[str, Any]:
    """Return the preview of a trigger as of FROM, unless *body* says otherwise."""
    response = client.post("/triggers/preview", json={"from": FROM, **body})
    assert response.status_code == 200, response.get_json()
    answer: dict[str, Any] = response.get_json()
    PreviewAnswer.model_validate(answer)
    return answer


def local_times(client: FlaskClient, **body: Any) -> list[str]:
    """Return the local times of the moments of a preview."""
    return [moment["local"] for moment in previewed(client, **body)["next"]]


def refused(client: FlaskClient, **body: Any) -> dict[str, str]:
    """Return field -> rule of everything that is refused in *body*."""
    response = client.post("/triggers/preview", json=body)
    assert response.status_code == 400, response.get_json()
    assert response.content_type == "application/problem+json"
    return {error["field"]: error["rule"] for error in response.get_json()["errors"]}
