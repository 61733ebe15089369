"""What the agent does. ``run`` performs one action with what surrounds it; ``actions`` has a module for each.

An action takes a :class:`~freezer.agent.context.Context` (settings, clock, progress, where notices go) and returns a
:class:`~freezer.agent.result.Result`; errors are raised. Printing, exit codes and signals belong to ``freezer.cmd``.

Below the actions: ``dedup`` is all that concerns repositories. Of other backups ``storing`` makes new ones, ``stored``
finds, opens, shows, checks and restores them, ``copying`` carries them over, ``removal`` removes them, ``sealing``
decides how a new one is encrypted. All of them work on ``places``; ``presence`` says whether there is a repository.
"""
