"""The smallest task: prints its argument."""


class ExampleJob:
    """Prints a phrase and who asked for it."""

    def __init__(self, phrase):
        self.phrase = phrase

    def __call__(self, info):
        print(f"{self.phrase} (job {info.job_id}, at most {info.timeout} seconds)")
