"""The process that Python tasks run in: ``program`` obeys its runner, ``worker`` calls the task."""
