"""A six-field expression written out, as NCrontab's own ToString shows it.

Kudu tells by this text which schedule a run came from: ``*/15`` is shown as ``0,15,30,45``.
"""

from collections.abc import Iterator
from itertools import pairwise

from jobsched.triggers.cron.dialects import GRAMMARS, Dialect, FieldKind
from jobsched.triggers.cron.fields import read_field

_KINDS = GRAMMARS[Dialect.NCRONTAB].kinds


def normalised(expression: str) -> str:
    """Return an NCRONTAB *expression* that can be read, with all its six fields as numbers."""
    parts = expression.split()
    parts = ["0"] * (len(_KINDS) - len(parts)) + parts
    return " ".join(_field(part, kind) for part, kind in zip(parts, _KINDS, strict=False))


def _field(text: str, kind: FieldKind) -> str:
    """Return one field: ``*`` for everything, else single numbers and ranges."""
    values = sorted(read_field(text, kind, 1)[0].values)
    if len(values) == kind.turn:
        return "*"
    return ",".join(_stretches(values))


def _stretches(values: list[int]) -> Iterator[str]:
    breaks = [place for place, (one, other) in enumerate(pairwise(values), 1) if other - one > 1]
    for begin, end in pairwise([0, *breaks, len(values)]):
        first, last = values[begin], values[end - 1]
        yield str(first) if first == last else f"{first}-{last}"
