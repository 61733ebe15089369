"""The program ``freezer-scheduler``: the daemon, and what is said to it.

``start``, ``stop``, ``restart``, ``reload`` and ``status`` concern the daemon whose pid file the settings name;
``validate``, ``list`` and ``run`` concern job files. Beside them stand the commands of the first releases, which act on
what the API has.
"""

from freezer.cmd.scheduler.program import main

__all__ = ["main"]
