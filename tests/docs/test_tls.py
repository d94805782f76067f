"""What docs/security.rst says of TLS, done as it is written."""

import re
import shlex
import subprocess
from pathlib import Path

from tests.support.certificates import Pair
from tests.support.server import ROOT, Server

TLS = (ROOT / "docs" / "security.rst").read_text(encoding="utf-8").split("TLS\n---\n")[1]


def test_the_certificate_of_the_trial_is_made_and_trusted_as_shown(tmp_path: Path) -> None:
    openssl, curl = re.findall(r"^    ((?:openssl|curl) .+)$", TLS, re.M)
    subprocess.run(shlex.split(openssl), cwd=tmp_path, capture_output=True, check=True, timeout=60)
    made = Pair(cert=tmp_path / "jobs.pem", key=tmp_path / "jobs.key")

    with Server(tmp_path / "server", certificate=made) as server:
        answer = subprocess.run(
            shlex.split(curl.replace(":58631", f":{server.port}")),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )

    assert "alive" in answer.stdout or "ok" in answer.stdout


def test_the_names_of_the_settings_are_those_shown() -> None:
    assert re.findall(r"^    (\w+_FILE) = ", TLS, re.M) == ["CERT_FILE", "KEY_FILE"]
