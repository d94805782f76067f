"""How an archive is refused: always as the client's mistake, with the rule that it breaks."""

from jobsched.errors import InvalidInput


def refusal(rule: str, why: str) -> InvalidInput:
    """Return the refusal of an archive that breaks *rule*; *why* is a sentence."""
    return InvalidInput.field("zip", rule, f"The archive is refused. {why}")
