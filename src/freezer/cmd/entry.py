"""Where the installed programs begin: before the rest is imported, so that Ctrl-C in that moment ends them quietly."""

from __future__ import annotations

import gc
import signal


def freezer_agent() -> int:
    """``freezer-agent``."""
    _prepare()
    from freezer.cmd.agent import main

    return _last(main())


def freezerc() -> int:
    """``freezerc``, the program's first name."""
    _prepare()
    from freezer.cmd.agent import main_freezerc

    return _last(main_freezerc())


def freezer() -> int:
    """``freezer``."""
    _prepare()
    from freezer.cmd.freezer import main

    return _last(main())


def freezer_scheduler() -> int:
    """``freezer-scheduler``."""
    _prepare()
    from freezer.cmd.scheduler import main

    return _last(main())


def freezer_api() -> int:
    """``freezer-api``."""
    _prepare()
    from freezer.cmd.api import main

    return main()


def freezer_manage() -> int:
    """``freezer-manage``."""
    _prepare()
    from freezer.cmd.manage.program import main

    return main()


def freezer_manager_status() -> int:
    """``freezer-manager-status``."""
    _prepare()
    from freezer.cmd.status import main

    return main()


def freezer_db_init() -> int:
    """``freezer-db-init``."""
    _prepare()
    from freezer.cmd.manage.program import main_db_init

    return main_db_init()


# Container objects made before Python looks for cycles among them: importing ours would make it look 43 times.
_OBJECTS_BETWEEN_COLLECTIONS = 50_000


def _prepare() -> None:
    """Nothing is begun yet that must be cleaned up: SIGINT kills. One that is ignored stays ignored."""
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _last(exit_code: int) -> int:
    """``exit_code``. Python need not look through all that there is once more before it ends."""
    gc.freeze()
    return exit_code
