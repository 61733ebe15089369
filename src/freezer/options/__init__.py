"""The agent's options: declared once in a table, everything else derived from it.

An *option* has one name (what 19.0.0 calls its ``dest``: ``path_to_backup``) and any number of *spellings*: the long
ones of the command line, a short letter, and *aliases* from older *generations* of programs and job documents. An
*assignment* is one option with the text that one *source* (file, environment, command line) gave for it. A *layer* is
all assignments of one source; later layers win. *Settings* are the converted values of all options after that. An
option is *built* if this build has the part that it belongs to; the others stand in the table all the same, so that
using one is answered with one line instead of being ignored.

Precedence: defaults < configuration files < environment < ``--config`` file < command line. (``--config`` names one
job and therefore stands above what holds for the whole machine; 19.0.0 lets it win over the command line too, against
its own help.)
"""

from freezer.options.load import HelpRequest, Invocation, VersionRequest, load
from freezer.options.resolve import Settings, StorageSection
from freezer.options.rules import IncrementalDecision
from freezer.options.values import Date

__all__ = [
    "Date",
    "HelpRequest",
    "IncrementalDecision",
    "Invocation",
    "Settings",
    "StorageSection",
    "VersionRequest",
    "load",
]
