"""``jobsched wrap``: runs a command here, now, and tells the server about it, as far as it can.

``program`` is the place to begin. The command comes first: whatever the server does, the command
runs as it would run alone. Standard library and ``jobsched.client`` only: it must start fast.
"""
