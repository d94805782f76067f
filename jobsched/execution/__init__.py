"""How a run becomes a supervised process tree, and how the truth about it survives any crash.

``supervisor/`` claims runs and settles their ends (one per machine, with the database);
``runner/`` starts them, keeps their output, journals their ends (standard library only);
``task/`` is what a Python task runs in (standard library only). Between them: ``protocol``,
``journal``, ``output``; ``script`` finds the command of a script. ``wrap/`` runs a command at once
for whoever calls it, without any of these, and only reports it.
"""
