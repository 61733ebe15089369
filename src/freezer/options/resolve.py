"""From layers of assignments to immutable settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from freezer.errors import UsageError
from freezer.options.spec import Option
from freezer.options.table import BY_NAME, OPTIONS
from freezer.options.values import Assignment, Date, Value, convert
from freezer.secret import Secret

DEFAULT = "default"


class Values(msgspec.Struct, frozen=True):
    """Typed access to the values of options by name.

    A name that is no option is a KeyError, a value of another type than the accessor's a TypeError: both are mistakes
    of the program, not of its user.
    """

    values: Mapping[str, Value]
    sources: Mapping[str, str]

    def given(self, name: str) -> bool:
        """Whether any source but the table has set it."""
        return self.source(name) != DEFAULT

    def source(self, name: str) -> str:
        """Where the value comes from: ``default``, ``environment``, ``command line`` or the name of a file."""
        return self.sources.get(BY_NAME[name].name, DEFAULT)

    def is_set(self, name: str) -> bool:
        """Whether it has a value at all, given or by default."""
        return self.values[name] is not None

    def text(self, name: str) -> str:
        """A text, path or choice that has a value."""
        value = self.optional_text(name)
        if value is None:
            raise TypeError(f"{name} is not set")
        return value

    def optional_text(self, name: str) -> str | None:
        """A text, path or choice; None if it is not set."""
        value = self.values[name]
        if value is None or isinstance(value, str):
            return value
        raise TypeError(f"{name} is no text")

    def integer(self, name: str) -> int:
        """A whole number, size (bytes) or rate (bytes a second, −1 for no limit) that has a value."""
        value = self.optional_integer(name)
        if value is None:
            raise TypeError(f"{name} is not set")
        return value

    def optional_integer(self, name: str) -> int | None:
        """A whole number, size or rate; None if it is not set."""
        value = self.values[name]
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        raise TypeError(f"{name} is no whole number")

    def optional_number(self, name: str) -> float | None:
        """A number or days; None if it is not set."""
        value = self.values[name]
        if value is None or isinstance(value, float):
            return value
        raise TypeError(f"{name} is no number")

    def share(self, name: str) -> float:
        """A share, 0 to 1; 0 if it is not set."""
        return (self.optional_number(name) or 0.0) / 100

    def flag(self, name: str) -> bool:
        """A flag or switch; one that is not set is false."""
        return self.optional_flag(name) or False

    def optional_flag(self, name: str) -> bool | None:
        """A flag or switch; None if it is not set."""
        value = self.values[name]
        if value is None or isinstance(value, bool):
            return value
        raise TypeError(f"{name} is no flag")

    def date(self, name: str) -> Date | None:
        """A date; None if it is not set."""
        value = self.values[name]
        if value is None or isinstance(value, Date):
            return value
        raise TypeError(f"{name} is no date")

    def texts(self, name: str) -> tuple[str, ...]:
        """The texts of an option that may be given several times."""
        value = self.values[name]
        if isinstance(value, tuple):
            return value
        raise TypeError(f"{name} holds no list")

    def secret(self, name: str) -> Secret | None:
        """A secret; None if it is not set."""
        value = self.values[name]
        if value is None or isinstance(value, Secret):
            return value
        raise TypeError(f"{name} is no secret")


class StorageSection(Values, frozen=True):
    """One storage: that of the main options (its name is empty) or of a ``[storage:NAME]`` section.

    It inherits nothing but the defaults of the table.
    """

    name: str = ""

    @property
    def storage(self) -> str:
        """``local``, ``swift`` …"""
        return self.text("storage")

    @property
    def container(self) -> str:
        """Directory, container or bucket, as it was written."""
        return self.text("container")


class Settings(Values, frozen=True):
    """The values of all options. ``sections`` are the storages of ``[storage:NAME]`` sections."""

    sections: tuple[StorageSection, ...] = ()

    @property
    def storages(self) -> tuple[StorageSection, ...]:
        """Where to store: the sections if there are any, as in 19.0.0, otherwise the one that the main options
        describe.
        """
        if self.sections:
            return self.sections
        keys = {option.name for option in OPTIONS if option.storage_key}
        return (
            StorageSection(
                {name: value for name, value in self.values.items() if name in keys},
                {name: source for name, source in self.sources.items() if name in keys},
            ),
        )


def resolve(
    layers: Sequence[Sequence[Assignment]],
    home: str,
    hostname: str,
    sections: Sequence[tuple[str, Sequence[Assignment]]] = (),
) -> Settings:
    """Settings from ``layers``, later ones winning; UsageError for a value that cannot be, even one that another
    hides.
    """
    given: dict[str, tuple[Value, str]] = {}
    for layer in layers:
        for name, found in _layer_values(layer, home).items():
            if not (BY_NAME[name].latching and name in given and given[name][0] is True):
                given[name] = found
    values, sources = _with_defaults(OPTIONS, given, home)
    if values["hostname"] is None:
        values["hostname"] = hostname
    _fill_reference(values, sources)
    return Settings(values, sources, tuple(_section(name, found, home) for name, found in sections))


def _fill_reference(values: dict[str, Value], sources: dict[str, str]) -> None:
    """Replace ``$container`` by what it stands for, as oslo.config does in 19.0.0; asked for by name or not, it is the
    default.
    """
    if values["cindernative_backup_container"] == BY_NAME["cindernative_backup_container"].default:
        values["cindernative_backup_container"] = values["container"]
        sources.pop("cindernative_backup_container", None)


def _layer_values(layer: Sequence[Assignment], home: str) -> dict[str, tuple[Value, str]]:
    """Each option's value and source in one layer: the last assignment, or all texts of a repeatable one."""
    result: dict[str, tuple[Value, str]] = {}
    for assignment in layer:
        option, value = assignment.option, convert(assignment, home)
        if option.repeatable and isinstance(value, str):
            earlier, _ = result.get(option.name, ((), ""))
            value = (*(earlier if isinstance(earlier, tuple) else ()), value)
        result[option.name] = (value, assignment.source)
    return result


def _with_defaults(
    options: Sequence[Option], given: Mapping[str, tuple[Value, str]], home: str
) -> tuple[dict[str, Value], dict[str, str]]:
    values: dict[str, Value] = {}
    sources: dict[str, str] = {}
    for option in options:
        value, source = given.get(option.name, (None, ""))
        if value is None:
            values[option.name] = default_value(option, home)
        else:
            values[option.name], sources[option.name] = value, source
    return values, sources


def default_value(option: Option, home: str) -> Value:
    """The value of an option that nobody has set."""
    if option.repeatable:
        return ()
    return convert(Assignment(option, option.default, option.name, DEFAULT), home)


def _section(name: str, found: Sequence[Assignment], home: str) -> StorageSection:
    keys = [option for option in OPTIONS if option.storage_key]
    values, sources = _with_defaults(keys, _layer_values(found, home), home)
    for needed in ("storage", "container"):
        if needed not in sources:
            source = found[0].source if found else "--config"
            raise UsageError(f"{source}: [storage:{name}] needs {needed}")
    return StorageSection(values, sources, name)
