"""How long to wait before the next try: doubling, up to a limit, back to the start on success."""


class Backoff:
    """The waits between tries, in seconds: *first*, twice that, ... never more than *most*."""

    def __init__(self, first: float = 0.5, most: float = 30.0) -> None:
        self._first = first
        self._most = most
        self._next = first

    def failed(self) -> float:
        """Return how long to wait now; the next wait is twice as long."""
        wait = self._next
        self._next = min(self._next * 2, self._most)
        return wait

    def succeeded(self) -> None:
        """Start over with the first wait."""
        self._next = self._first
