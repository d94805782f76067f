"""Every refusal has a status, a title and a sentence; the drawn tree is the real one."""

import re
from collections.abc import Iterator

import pytest

from jobsched import errors
from jobsched.errors import (
    ConfigurationError,
    DatabaseBusy,
    FieldError,
    InvalidInput,
    JobBusy,
    JobschedError,
    Mistake,
    RunAlreadyFinished,
    RunNotFinished,
    TooManyRequests,
    UnknownJob,
    UnknownRun,
    UnknownTask,
    UnknownToken,
)


def descendants(kind: type[JobschedError]) -> Iterator[type[JobschedError]]:
    for child in kind.__subclasses__():
        yield child
        yield from descendants(child)


REFUSALS = sorted(
    {kind for kind in descendants(JobschedError) if kind.__module__ == errors.__name__},
    key=lambda kind: kind.__name__,
)


@pytest.mark.parametrize("kind", REFUSALS)
def test_each_refusal_has_a_title_of_its_own(kind: type[JobschedError]) -> None:
    assert "title" in vars(kind)
    assert [other for other in REFUSALS if other.title == kind.title] == [kind]


@pytest.mark.parametrize("kind", [kind for kind in REFUSALS if kind is not ConfigurationError])
def test_each_refusal_of_a_request_has_the_status_drawn_in_the_tree(
    kind: type[JobschedError],
) -> None:
    drawn: dict[str, int] = {}
    status = 0
    for line in (errors.__doc__ or "").splitlines():
        status = int(match[0]) if (match := re.search(r"\b[45]\d\d\b", line)) else status
        drawn |= dict.fromkeys(re.findall(r"[A-Z]\w+", line.partition("  (")[0]), status)

    assert drawn[kind.__name__] == kind.status


def test_a_configuration_error_says_every_mistake() -> None:
    error = ConfigurationError(
        [Mistake(where="a.cfg:1", message="one"), Mistake(where="b.cfg", message="two")]
    )

    assert str(error) == "a.cfg:1: one\nb.cfg: two"
    assert len(error.mistakes) == 2


def test_invalid_input_names_its_fields() -> None:
    error = InvalidInput.field("interval.seconds", "positive", "must be above 0")

    assert error.detail == "must be above 0"
    assert error.errors == (
        FieldError(field="interval.seconds", rule="positive", message="must be above 0"),
    )


@pytest.mark.parametrize(
    ("error", "detail", "facts"),
    [
        (UnknownTask("x"), "There is no task named 'x' in the catalog.", {"task": "x"}),
        (UnknownJob("j"), "There is no job j.", {"job": "j"}),
        (UnknownRun(7), "There is no run 7.", {"run": "7"}),
        (UnknownToken(7), "There is no token 7.", {"token": "7"}),
        (RunAlreadyFinished(7), "Run 7 has finished and cannot be stopped.", {"run": 7}),
        (RunNotFinished(7), "Run 7 has not finished yet.", {"run": 7}),
        (
            JobBusy("j", 1),
            "Job j already has 1 of its runs alive and its overlap policy is skip.",
            {"job": "j", "alive": 1},
        ),
    ],
)
def test_a_refusal_is_a_sentence_with_its_facts(
    error: JobschedError, detail: str, facts: dict[str, object]
) -> None:
    assert (str(error), error.detail, error.facts) == (detail, detail, facts)


@pytest.mark.parametrize("kind", [TooManyRequests, DatabaseBusy])
def test_what_may_be_tried_again_says_when(kind: type[TooManyRequests]) -> None:
    assert kind("later").retry_after == 1
    assert kind("later", retry_after=5).retry_after == 5
