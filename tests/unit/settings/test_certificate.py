"""Certificate and key: what is wrong with them is named, each file by its setting."""

import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from jobsched.errors import ConfigurationError
from jobsched.settings.certificate import Certificate, mistakes
from tests.support.certificates import Pair, openssl, pair


@dataclass(frozen=True, kw_only=True)
class Named:
    cert_file: Path | None = None
    key_file: Path | None = None


@pytest.fixture
def good(tmp_path: Path) -> Pair:
    return pair(tmp_path)


def _said(cert: Path | None, key: Path | None) -> list[str]:
    return [str(each) for each in mistakes(Named(cert_file=cert, key_file=key))]


def test_a_good_pair_has_no_mistakes(good: Pair) -> None:
    assert _said(good.cert, good.key) == []
    assert _said(None, None) == []


def test_one_file_may_hold_both(good: Pair) -> None:
    both = good.cert.with_name("both.pem")
    both.write_bytes(good.key.read_bytes() + good.cert.read_bytes())
    both.chmod(0o644)
    assert "open to everybody" in _said(both, None)[0]

    both.chmod(0o640)

    assert _said(both, None) == []
    assert "holds no private key" in _said(good.cert, None)[0]


def test_a_key_alone_is_no_use(good: Pair) -> None:
    (said,) = _said(None, good.key)

    assert said.startswith("KEY_FILE: needs CERT_FILE")


def test_files_that_are_missing_are_told_together(tmp_path: Path) -> None:
    said = _said(tmp_path / "a", tmp_path / "b")

    assert said == [
        f"CERT_FILE {tmp_path}/a: cannot be read: No such file or directory",
        f"KEY_FILE {tmp_path}/b: cannot be read: No such file or directory",
    ]


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _lock(path: Path) -> None:
    locked = path.with_suffix(".locked")
    openssl("pkey", "-in", str(path), "-aes128", "-passout", "pass:secret", "-out", str(locked))
    locked.replace(path)


def _small(path: Path) -> None:
    openssl(
        *("req", "-x509", "-newkey", "rsa:512", "-noenc", "-subj", "/CN=a", "-days", "2"),
        *("-keyout", str(path), "-out", str(path.with_suffix(".pem"))),
    )


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.write_text("nonsense"), "holds no private key in PEM form"),
        (lambda path: path.chmod(0o644), "is open to everybody; chmod o-rw"),
        (_fifo, "is no file"),
        (_lock, "is locked with a passphrase"),
        (_small, "cannot be used: EE_KEY_TOO_SMALL"),
        (lambda path: path.write_text("-----BEGIN PRIVATE KEY-----\nx\n"), "cannot be used"),
    ],
)
def test_what_is_wrong_with_the_key_is_named(
    good: Pair, spoil: Callable[[Path], None], message: str
) -> None:
    spoil(good.key)

    (said,) = _said(good.cert, good.key)

    assert said.startswith(f"KEY_FILE {good.key}: ")
    assert message in said


def test_a_certificate_that_is_none_is_named(good: Pair) -> None:
    (said,) = _said(good.key, good.key)

    assert said == f"CERT_FILE {good.key}: holds no certificate in PEM form"


def test_what_is_read_again_and_broken_leaves_the_one_before(good: Pair) -> None:
    certificate = Certificate(good.cert, good.key)
    before = certificate.context
    good.key.write_text("nonsense")

    with pytest.raises(ConfigurationError):
        certificate.read_again()

    assert certificate.context is before
    assert before.minimum_version is ssl.TLSVersion.TLSv1_2
