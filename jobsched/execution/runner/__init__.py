"""The runner's process: ``program`` obeys, ``lifecycle`` is a run's way through it."""
