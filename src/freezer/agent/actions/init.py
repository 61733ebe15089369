"""The action ``init``: a repository in a container."""

from __future__ import annotations

from freezer.agent.context import Context
from freezer.agent.dedup.opening import opened_storage, opener_of
from freezer.agent.result import Result
from freezer.repository import reserve
from freezer.repository.access import founding
from freezer.repository.config import Decider
from freezer.repository.store import Repository


def run(context: Context) -> Result:
    """Make the repository, and say what has to be kept safe."""
    settings = context.settings
    wish = settings.text("decider")
    plan = founding.Plan(
        opener_of(context),
        settings.optional_text("key_label") or "",
        None if wish == "auto" else Decider(wish),
    )
    with opened_storage(context, reading=False) as storage:
        repository = founding.init(storage, context.clock, plan)
        reserve.lay(storage, context.clock)
        return _result(context, repository)


def _result(context: Context, repository: Repository) -> Result:
    config = repository.config
    document = {
        "repository": config.repository,
        "place": repository.storage.describe(),
        "encrypted": repository.keys.encrypted,
        "decider": str(config.decider),
        "version": config.version,
    }
    shown = {
        "repository": config.repository,
        "place": repository.storage.describe(),
        "encryption": config.cipher if repository.keys.encrypted else "none",
        "decider": str(config.decider),
    }
    return Result(document=document, properties=shown, lines=_to_keep(context, repository))


def _to_keep(context: Context, repository: Repository) -> list[str]:
    if not repository.keys.encrypted:
        return ["Not encrypted, as you asked: whoever can read the storage can read every backup in it, for ever."]
    settings = context.settings
    machine = settings.optional_text("machine_secret_file")
    path = machine or settings.text("encrypt_pass_file")
    what = "the secret" if machine else "the passphrase"
    return [
        f"Keep a copy of {what} in {path} on paper or on another machine.",
        f"Without {what} nobody can restore anything from this repository: not you, and not us.",
        "`freezer-agent key add` lets another passphrase open it as well.",
    ]
