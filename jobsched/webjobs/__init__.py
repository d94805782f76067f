"""Web jobs as they lie on disk: folders with a script, their settings, how they get there.

Nothing in here knows of HTTP, processes or the database.
"""
