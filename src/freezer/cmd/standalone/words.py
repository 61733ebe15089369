"""What a user reads when something is done."""

from __future__ import annotations

import shlex

from freezer.standalone.common import Ready
from freezer.standalone.home import Home
from freezer.standalone.place import Place
from freezer.standalone.unit import NAME


def next_steps(home: Home, ready: Ready, name: str) -> str:
    """What can be done now, with commands that work as they stand. ``name``: of the backup."""
    settings = shlex.quote(home.agent_settings)
    unit = shlex.quote(home.at(NAME))
    chosen = f" --home {shlex.quote(home.path)}"
    more = "" if ready.plan.kind == "joined" else _MORE
    return _STEPS.format(
        name=name, settings=settings, unit=unit, disk=_disk(ready.place), more=more.format(home=chosen)
    )


def _disk(place: Place) -> str:
    if place.host:
        return ""
    return (
        f"The backups are in {place.container}. On the disk that holds the files themselves they protect\n"
        "from mistakes, not from a broken disk: --store takes another directory, or ssh://user@host/path.\n\n"
    )


_STEPS = """
{disk}What can be done now:

  see how it stands            freezer status
  look into the backups        freezer-agent list    --config {settings}
  bring files back             freezer-agent restore --config {settings} -N {name} --restore-abs-path ~/restored
  prove that they come back    freezer-agent drill   --config {settings} -N {name} --sample 500
  start with the machine       systemctl --user enable --now {unit}
                               loginctl enable-linger
{more}  stop it                      freezer down
"""
_MORE = """\
  back up something else       freezer up OTHER-DIRECTORY
  let other machines join      freezer up --listen, then freezer invite
  keep records in PostgreSQL   freezer up --database postgresql://user:password@host/freezer
"""
