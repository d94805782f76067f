"""Why a claimed run never gets as far as a runner."""


class CannotStart(Exception):
    """The run cannot be started, whoever tries; *reason* is a sentence for its reader."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
