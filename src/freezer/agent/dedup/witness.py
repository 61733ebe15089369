"""What this machine has seen of a repository, and whether it is still so."""

from __future__ import annotations

from freezer.agent.context import Context
from freezer.agent.dedup.opening import Opened
from freezer.repository.local import Head
from freezer.repository.protocol.backups import History, heads, history, rolled_back


def seen(context: Context, found: Opened) -> History:
    """All that was decided in the repository, after a word about what this machine has seen and what is gone though
    nobody has forgotten it: somebody may have set the repository back."""
    past = history(found.repository, found.cache, context.notice)
    lines = rolled_back(past, found.local.heads())
    for line in lines:
        context.notice(line)
    if not lines:
        found.local.remember(heads(past))
    return past


def last_commit(found: Opened, past: History) -> Head | None:
    """The last commit of our agent, which the next one follows: as it is remembered, should it be gone."""
    agent = found.repository.agent
    if agent is None:
        return None
    known = [each for each in (heads(past).get(agent.id), found.local.heads().get(agent.id)) if each is not None]
    return max(known, key=lambda head: head.counter, default=None)
