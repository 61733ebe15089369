"""``freezer up`` and ``freezer join``, once they were read: what is asked, shown and waited for."""

from __future__ import annotations

import argparse
import logging
from contextlib import ExitStack
from typing import TYPE_CHECKING

from freezer.clock import SystemClock
from freezer.cmd.bar import progress_on
from freezer.cmd.output import Output
from freezer.cmd.standalone.talking import Telling, asked
from freezer.cmd.standalone.words import next_steps
from freezer.errors import EXIT_OK, EXIT_PARTIAL, FreezerError

if TYPE_CHECKING:
    from freezer.standalone.common import Ready
    from freezer.standalone.home import Home


def up(home: Home, given: argparse.Namespace, output: Output) -> int:
    """``freezer up``."""
    from freezer.standalone import first

    if given.supervise:
        return _supervise(home, output)
    clock, known = SystemClock(), home.plan()
    source = given.source
    if source is None and known is None:
        source = asked("Which directory shall be backed up every day?", "DIRECTORY")
    wish = first.Wish(
        source=source,
        store=given.store,
        port=given.port,
        listen=given.listen,
        database=given.database,
        new_password=given.new_password,
    )
    if known is None:
        output.notice(f"making everything in {home.path}")
    ready = first.up(home, wish, clock, Telling(output))
    return _end(home, ready, output)


def join(home: Home, given: argparse.Namespace, output: Output) -> int:
    """``freezer join``."""
    from freezer.standalone import joining
    from freezer.standalone.inviting import read_token

    token = given.token or asked("The token that `freezer invite` has printed on the first machine:", "--token")
    invitation = read_token(token)
    if given.url is not None and given.url.rstrip("/") not in (invitation.url, invitation.url.rpartition("/v2/")[0]):
        raise FreezerError(f"the token is for {invitation.url}, not for {given.url}")
    source = given.source or asked("Which directory shall be backed up every day?", "--source")
    question = "Where shall its backups be? A directory, or ssh://user@host/path:"
    store = given.store or asked(question, "--store")
    wanted = joining.Joining(source=source, store=store, client=given.client or "")
    ready = joining.join(home, invitation, wanted, SystemClock(), Telling(output))
    return _end(home, ready, output)


def _end(home: Home, ready: Ready, output: Output) -> int:
    """Wait for the run that was asked for, and say what can be done now."""
    from freezer.standalone.work import backup_name

    document: dict[str, object] = {"home": home.path, "url": ready.plan.url, "store": ready.plan.store}
    if not ready.job:
        output.notice(f"Freezer is up: {ready.plan.url}")
        output.result(document)
        return EXIT_OK
    run = _watched(home, ready, output)
    code = _judged(run, output)
    if ready.new:
        output.text(next_steps(home, ready, backup_name(ready.source)))
    output.result({**document, "job_id": ready.job, "run_id": run["run_id"], "state": run["state"]})
    return code


def _watched(home: Home, ready: Ready, output: Output) -> dict[str, object]:
    from freezer.standalone.access import open_home
    from freezer.standalone.watching import watch

    clock = SystemClock()
    with open_home(home, ready.plan, clock) as api:
        output.notice("the first backup runs; Ctrl-C does not end it")
        with progress_on(output, clock) as progress:
            return dict(watch(home, api, ready.job, clock, progress))


def _judged(run: dict[str, object], output: Output) -> int:
    state = run["state"]
    if state == "success":
        output.notice("the backup is done, and will be made again every day")
        return EXIT_OK
    if state == "partial":
        output.warning(
            "some files could not be read and are not in the backup", hint=f"freezer run-show {run['run_id']}"
        )
        return EXIT_PARTIAL
    why = f": {run['error']}" if run.get("error") else ""
    raise FreezerError(f"the backup has ended: {state}{why}", hint=f"freezer run-log {run['run_id']} says more")


def _supervise(home: Home, output: Output) -> int:
    """Keep the services running until a signal comes."""
    from freezer.log import LogSettings, configured
    from freezer.standalone.services import services
    from freezer.standalone.supervisor import Supervisor

    plan = home.known_plan()
    with ExitStack() as stack:
        stack.enter_context(configured(LogSettings(file=home.log("supervisor")), output.warning, program="freezer-up"))
        try:
            Supervisor(home, plan, SystemClock(), services(home, plan)).run()
        except FreezerError as error:
            logging.getLogger("freezer").error("%s", error.message)
            raise
    return EXIT_OK
