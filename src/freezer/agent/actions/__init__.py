"""One module for each action, named like it (``check-storage`` is ``check_storage``).

Each has ``run``, which takes the :class:`~freezer.agent.context.Context` and returns a
:class:`~freezer.agent.result.Result`; errors are raised. No action imports another.
"""
