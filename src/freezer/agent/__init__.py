"""What the agent does: one module per action.

An action takes a :class:`~freezer.agent.context.Context` (settings, clock, progress, where notices go) and returns a
:class:`~freezer.agent.result.Result`; errors are raised. Printing, exit codes and signals belong to ``freezer.cmd``.
``archive`` is how a stored level is opened, whatever its compression and cipher; ``sealing`` decides how a new one is
encrypted and makes what encrypts it.
"""
