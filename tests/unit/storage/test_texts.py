"""Policies and other JSON as they are kept: only what differs from the default."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsched.model import CatchUp, Misfire, OnLost, Overlap, Policy, Retries
from jobsched.storage.texts import (
    mapping_from,
    policy_from_text,
    policy_to_text,
    tags_from,
    to_text,
)


def test_the_default_policy_needs_no_text() -> None:
    assert policy_to_text(Policy()) is None
    assert policy_from_text(None) == Policy()


@pytest.mark.parametrize(
    ("policy", "text"),
    [
        (Policy(timeout=60), '{"timeout":60}'),
        (Policy(timeout=0), '{"timeout":0}'),
        (Policy(overlap=Overlap.REPLACE), '{"overlap":"replace"}'),
        (Policy(on_lost=OnLost.RETRY), '{"on_lost":"retry"}'),
        (Policy(misfire=Misfire(grace=None)), '{"misfire":{"grace":null}}'),
        (Policy(misfire=Misfire(catch_up=CatchUp.ALL)), '{"misfire":{"catch_up":"all"}}'),
        (
            Policy(retries=Retries(max=3, exit_codes=(75,))),
            '{"retries":{"exit_codes":[75],"max":3}}',
        ),
        (Policy(retries=Retries(exit_codes=())), '{"retries":{"exit_codes":[]}}'),
        (Policy(retries=Retries(exceptions=("A",))), '{"retries":{"exceptions":["A"]}}'),
        (Policy(env={"B": "ü", "A": ""}), '{"env":{"A":"","B":"ü"}}'),
    ],
)
def test_a_policy_is_kept_as_what_differs_and_comes_back(policy: Policy, text: str) -> None:
    assert policy_to_text(policy) == text
    assert policy_from_text(text) == policy


_POLICIES = st.builds(
    Policy,
    max_instances=st.integers(1, 100),
    overlap=st.sampled_from(Overlap),
    misfire=st.builds(
        Misfire,
        grace=st.none() | st.floats(0, 1e9),
        catch_up=st.sampled_from(CatchUp),
    ),
    timeout=st.none() | st.floats(0, 1e9),
    retries=st.builds(
        Retries,
        max=st.integers(0, 100),
        exit_codes=st.none() | st.lists(st.integers(0, 255)).map(tuple),
        exceptions=st.none() | st.lists(st.text(max_size=5)).map(tuple),
    ),
    on_lost=st.sampled_from(OnLost),
    history=st.none() | st.integers(0, 1000),
    queue=st.text(min_size=1, max_size=10),
    priority=st.integers(-100, 100),
    env=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
    run_as=st.none() | st.text(min_size=1, max_size=5),
    detach=st.booleans(),
)


@given(_POLICIES)
def test_any_policy_comes_back_as_it_was(policy: Policy) -> None:
    assert policy_from_text(policy_to_text(policy)) == policy


def test_equal_texts_share_one_policy() -> None:
    assert policy_from_text('{"timeout":7}') is policy_from_text('{"timeout":7}')


def test_nothing_is_kept_of_what_is_empty() -> None:
    empty: list[object] = [None, {}, (), []]
    assert [to_text(value) for value in empty] == [None] * 4
    assert mapping_from(None) == {}
    assert tags_from(None) == ()


def test_a_mapping_and_tags_come_back() -> None:
    assert mapping_from(to_text({"b": [1], "a": None})) == {"a": None, "b": [1]}
    assert tags_from(to_text(("x", "y"))) == ("x", "y")
    assert json.loads(to_text({"a": "é"}) or "") == {"a": "é"}
