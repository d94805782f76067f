"""The nearest known word to one that is unknown."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the member of *known* that *word* was probably meant to be, letter case aside."""
    by_folded = {name.casefold(): name for name in known}
    matches = get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[matches[0]] if matches else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `` Did you mean X?`` to end a sentence with, or nothing."""
    match = nearest(word, known)
    return f" Did you mean {match}?" if match else ""
