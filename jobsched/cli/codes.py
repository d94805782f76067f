"""The exit codes of the command line, and which failure has which."""

from jobsched.client import failures

OK, FAILED, USAGE, NOT_FOUND, NOT_ALLOWED, CONFLICT, UNREACHABLE = range(7)
TIME_IS_UP = 124  # as timeout(1)
INTERRUPTED = 130  # 128 + SIGINT
PIPE_CLOSED = 141  # 128 + SIGPIPE

MEANINGS = {
    OK: "done",
    FAILED: "failed",
    USAGE: "wrong usage, input or configuration",
    NOT_FOUND: "there is no such thing",
    NOT_ALLOWED: "no token, a wrong one, or one that may not do this",
    CONFLICT: "the present state is against it",
    UNREACHABLE: "the server cannot be reached",
    TIME_IS_UP: "waited in vain",
    INTERRUPTED: "interrupted by Ctrl-C",
    PIPE_CLOSED: "whoever read the output went away",
}
_STATUSES = {
    400: USAGE,
    401: NOT_ALLOWED,
    403: NOT_ALLOWED,
    404: NOT_FOUND,
    409: CONFLICT,
    412: CONFLICT,
    422: CONFLICT,
}
_FAILURES = {
    failures.Misused: USAGE,
    failures.Missing: NOT_FOUND,
    failures.Unreachable: UNREACHABLE,
    failures.TimeIsUp: TIME_IS_UP,
}


def code_of(error: failures.ClientError) -> int:
    """Return the exit code for a failure."""
    if isinstance(error, failures.Refused):
        return _STATUSES.get(error.status, FAILED)
    return next((code for kind, code in _FAILURES.items() if isinstance(error, kind)), FAILED)


def code_of_run(run: dict[str, object]) -> int:
    """Return a finished run's own exit code, as a shell would tell it.

    128 + N for signal N; 1 for a run that did not succeed without a code of its own, or in spite
    of its 0 (stopped, timed out).
    """
    signal, code = run["signal"], run["exit_code"]
    if isinstance(signal, int):
        return 128 + signal
    if run["outcome"] == "succeeded":
        return OK
    return code if isinstance(code, int) and 0 < code < 256 else FAILED
