"""Tokens: their making, their digests, whom they stand for."""

import hashlib
from datetime import timedelta

import pytest

from jobsched import auth, clock
from jobsched.model import Role
from tests.support.web import Tokens


def test_tokens_are_long_different_and_need_no_quoting() -> None:
    tokens = {auth.new_token() for _ in range(100)}

    assert len(tokens) == 100
    assert all(len(token) == 43 for token in tokens)
    assert all(token.replace("-", "").replace("_", "").isalnum() for token in tokens)


def test_only_the_digest_of_a_token_need_be_kept() -> None:
    token = auth.new_token()

    assert auth.digest(token) == hashlib.sha256(token.encode()).hexdigest()
    assert auth.matches(token, auth.digest(token))
    assert not auth.matches(token, auth.digest("other"))


def test_an_empty_token_matches_nothing() -> None:
    assert not auth.matches("", auth.digest(""))
    assert not auth.matches("", "")


def test_a_token_stands_for_its_name_and_role() -> None:
    book = Tokens()
    token = book.create(Role.OPERATOR, "deploy")

    found = auth.identify(token, book, "10.0.0.1")

    assert found == auth.Principal(
        name="deploy", role=Role.OPERATOR, source="10.0.0.1", credential=1
    )


@pytest.mark.parametrize("token", ["", "unknown", "x" * 257, "\udcff", "é"])
def test_any_other_text_stands_for_nobody(token: str) -> None:
    book = Tokens()
    book.create(Role.ADMIN)

    assert auth.identify(token, book, "-") is None


def test_a_token_is_nobodys_from_its_expiry_on() -> None:
    book = Tokens()
    token = book.create(Role.ADMIN, expires_at=clock.now() - timedelta(microseconds=1))
    later = book.create(Role.ADMIN, expires_at=clock.now() + timedelta(hours=1))

    assert auth.identify(token, book, "-") is None
    assert auth.identify(later, book, "-") is not None
