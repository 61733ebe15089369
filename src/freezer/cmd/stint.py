"""The agent as a scheduler starts it: ``freezer-agent --run-directory DIR``.

Options come from the run directory alone, and from the node's own configuration; what is said goes to standard output
and error, which are the log of the run; what is meant for programs goes into the run directory (:mod:`freezer.stint`).
It ends when its deadline comes near, unless a later one is told.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

import msgspec

from freezer.clock import Clock, SystemClock
from freezer.cmd.deadline import Deadline
from freezer.cmd.exit import run
from freezer.cmd.meter import Meter, Reading
from freezer.cmd.output import Form, Output
from freezer.cmd.results import hostname, show
from freezer.cmd.signals import Cancelled
from freezer.errors import EXIT_FAILED, EXIT_OK, EXIT_PARTIAL, BusyError, FreezerError, UsageError
from freezer.model.failures import noticed
from freezer.model.run_reports import MOST_FAILURES, Failure, Progress
from freezer.progress import NoProgress
from freezer.stint import identity
from freezer.stint.brief import Brief
from freezer.stint.ending import Ending
from freezer.stint.folder import Folder
from freezer.stint.policy import Policy

if TYPE_CHECKING:
    from freezer.agent.context import Context
    from freezer.agent.result import Result
    from freezer.model.items import ItemFailure
    from freezer.options.load import Invocation
    from freezer.repository.protocol.fencing import Fenced
    from freezer.stint.barrier import FolderBarrier

_LONGEST = 4096


def main(path: str) -> int:
    """Do what the run directory ``path`` says."""
    output = Output(Form.HUMAN)
    with ExitStack() as until_the_end:
        return run(lambda: _run(path, output, until_the_end), output, logging.getLogger("freezer"))


def _run(path: str, output: Output, until_the_end: ExitStack) -> int:
    folder = Folder(os.path.abspath(path))
    brief = folder.brief()
    folder.enter(identity.own())
    deadline = Deadline(folder.path, brief, SystemClock())
    deadline.watch()
    with _told(folder, deadline):
        from freezer.cmd.limits import limit

        for notice in limit(brief.limits, brief.run):
            output.notice(notice)
        context = _context(_invocation(folder, brief), Lease(brief, deadline), output, until_the_end)
        result = _act(context, folder, output)
    return _end(folder, result)


@contextmanager
def _told(folder: Folder, deadline: Deadline) -> Iterator[None]:
    """Whatever ends the work is written down, and what may be secret is gone in any case."""
    now = SystemClock().now
    try:
        yield
    except Cancelled as cancelled:
        # that nobody let it go on is no outcome of the work: whoever may, begins it again
        code = None if deadline.passed else -cancelled.number
        why = "nobody has said in time that it may go on" if deadline.passed else str(cancelled)
        folder.end(Ending(code, why, ended=int(now())))
        raise
    except FreezerError as error:
        folder.end(Ending(error.exit_code, error.message[:_LONGEST], error.hint, ended=int(now())))
        raise
    except Exception as error:
        said = f"internal error: {type(error).__name__}"
        folder.end(Ending(EXIT_FAILED, said, "the agent's log has the details", ended=int(now())))
        raise
    finally:
        folder.forget_secrets()


def _invocation(folder: Folder, brief: Brief) -> Invocation:
    """What to do, if the policy of the node allows it: that is looked at once more, in what was really understood."""
    from freezer.options.load import Invocation, load

    os.environ.update(folder.variables())
    if brief.policy is not None:
        _check(folder.config, brief.policy)
    request = load(
        ["--config", folder.config],
        program="freezer-agent",
        environ=os.environ,
        home=os.path.expanduser("~"),
        hostname=hostname(),
    )
    assert isinstance(request, Invocation)  # neither help nor version can be asked for in a file
    folder.forget_secrets()
    return request


def _check(config: str, policy: Policy) -> None:
    from freezer.model.actions import FreezerAction
    from freezer.options.ini import read_job_file

    job = read_job_file(config)
    if job.storages:
        raise UsageError("sections of storages have no place in a job of others")
    given: dict[str, tuple[str, ...]] = {}
    for each in job.assignments:
        if each.text is not None:
            given[each.option.name] = (*given.get(each.option.name, ()), each.text)
    refusal = policy.refusal(FreezerAction({}, given))
    if refusal is not None:
        raise UsageError(refusal)


def _context(invocation: Invocation, lease: Lease, output: Output, until_the_end: ExitStack) -> Context:
    from freezer.agent.context import Context
    from freezer.cmd.logs import log_settings
    from freezer.log import configured

    settings = invocation.settings
    output.configure(Form.HUMAN, quiet=settings.flag("quiet"), debug=settings.flag("debug"))
    until_the_end.enter_context(configured(log_settings(settings), output.warning))
    for notice in invocation.notices:
        output.notice(notice)
    typed = f"freezer-agent {invocation.action}"
    return Context(invocation, SystemClock(), NoProgress(), output.notice, typed, lease=lease)


def _act(context: Context, folder: Folder, output: Output) -> Result:
    from freezer.agent.run import perform

    with FolderProgress(folder, context.clock) as progress, noticed(_Failing(folder)):
        result = perform(msgspec.structs.replace(context, progress=progress, barrier=_barrier(folder)))
    show(result, output)
    return result


def _barrier(folder: Folder) -> FolderBarrier | None:
    """Where the other members of a session are waited for, if they are."""
    limit = folder.brief().barrier
    if not limit:
        return None
    from freezer.stint.barrier import FolderBarrier

    return FolderBarrier(folder.path, limit)


def _end(folder: Folder, result: Result) -> int:
    """Write down how it ended; the exit code."""
    named = [_short(each) for each in result.failures[:MOST_FAILURES]]
    error = result.error
    code = EXIT_PARTIAL if result.failures else EXIT_OK
    report = result.report if isinstance(result.report, dict) else None
    folder.end(
        Ending(
            code if error is None else error.exit_code,
            None if error is None else error.message[:_LONGEST],
            None if error is None else error.hint,
            report,
            named,
            len(result.failures) - len(named),
            int(SystemClock().now()),
            result.upkeep,
        )
    )
    if error is not None:
        raise error
    return code


class _Failing:
    """Keeps in the run directory, as they come, the items that are left out; as many as the run may name."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._left = MOST_FAILURES

    def __call__(self, failure: ItemFailure) -> None:
        if self._left > 0:
            self._left -= 1
            with suppress(OSError):
                self._folder.fail(_short(failure))


def _short(failure: ItemFailure) -> Failure:
    return Failure(failure.path[:_LONGEST], failure.reason[:_LONGEST])


class Lease:
    """The run of a brief, while its deadline is not near."""

    def __init__(self, brief: Brief, deadline: Deadline) -> None:
        self._brief = brief
        self._deadline = deadline

    @property
    def fenced(self) -> Fenced:
        from freezer.repository.protocol.fencing import Fenced

        brief = self._brief
        fence = brief.fence
        return Fenced(brief.run, brief.action, fence.incarnation, fence.number, brief.stint, brief.when)

    def check(self) -> None:
        if self._deadline.is_near():
            raise BusyError("nobody has said in time that this run may go on: it may be somebody else's by now")


class FolderProgress(Meter):
    """Keeps in the run directory how far the work is."""

    def __init__(self, folder: Folder, clock: Clock) -> None:
        super().__init__(clock)
        self._folder = folder

    def show(self, reading: Reading, *, finished: bool) -> None:
        self._folder.show(
            Progress(
                phase=reading.phase,
                done_bytes=reading.done_bytes,
                total_bytes=reading.total_bytes,
                done_items=reading.done_items,
                total_items=reading.total_items,
                current=reading.current[:_LONGEST] or None,
                seconds=reading.seconds,
                bytes_per_second=None if reading.rate is None else max(reading.rate, 0.0),
                seconds_left=reading.left,
                finished=finished,
            )
        )
