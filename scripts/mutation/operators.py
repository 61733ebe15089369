"""The mutants of one module: every place where an operator applies, one change each.

Left out are annotations, docstrings, decorators and text: all ``str`` constants and f-strings, which are messages for
people nearly everywhere. Bytes are mutated, since paths and the names of attributes are bytes.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.BitXor: ast.BitOr,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
# Without one of these, a system call takes another file than the one that was meant.
_AIMING = frozenset({"dir_fd", "src_dir_fd", "dst_dir_fd", "follow_symlinks"})

Change = tuple[ast.expr | ast.stmt, str]


@dataclass(frozen=True, slots=True)
class Mutant:
    """``original`` in ``scope`` of ``file`` becomes ``mutated``; ``source``: the whole module then.

    ``function``: the outermost function whose body it is in, None for what acts at import. ``lines``: the first and the
    last line of the statement, or of its head.
    """

    file: str
    scope: str
    function: str | None
    lines: tuple[int, int]
    original: str
    mutated: str
    source: str

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """What stays the same when lines move."""
        return self.file, self.scope, self.original, self.mutated

    def __str__(self) -> str:
        return f"{self.file}:{self.lines[0]} {self.scope}: {self.original}  ->  {self.mutated}"


def mutants_of(path: Path, file: str) -> list[Mutant]:
    """All mutants of the module at ``path``, which is called ``file``."""
    text = path.read_bytes()
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found: dict[bytes, Mutant] = {}
    for place, (node, replacement) in _changes(ast.parse(text), _Place("module", None, (1, 1))):
        begin = starts[node.lineno - 1] + node.col_offset
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        end = starts[node.end_lineno - 1] + node.end_col_offset
        source = text[:begin] + replacement.encode() + text[end:]
        original = " ".join(text[begin:end].decode().split())
        mutant = Mutant(file, place.scope, place.function, place.lines, original, replacement, source.decode())
        found.setdefault(source, mutant)
    return sorted(found.values(), key=lambda mutant: mutant.lines)


class _Place(NamedTuple):
    """As in :class:`Mutant`."""

    scope: str
    function: str | None
    lines: tuple[int, int]


def _changes(node: ast.AST, place: _Place) -> Iterator[tuple[_Place, Change]]:
    if isinstance(node, ast.stmt):
        body = getattr(node, "body", None)
        last = (node.end_lineno or node.lineno) if body is None else max(node.lineno, body[0].lineno - 1)
        place = place._replace(lines=(node.lineno, last))
    elif isinstance(node, ast.ExceptHandler):
        place = place._replace(lines=(node.lineno, node.lineno))
    for change in _of(node):
        yield place, change
    inside = place
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        scope = node.name if place.scope == "module" else f"{place.scope}.{node.name}"
        inside = place._replace(scope=scope)
        if isinstance(node, ast.FunctionDef):
            inside = inside._replace(function=place.function or scope)
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not isinstance(child, ast.JoinedStr) and not _is_alias(child):
                yield from _changes(child, inside if name == "body" else place)


def _is_alias(node: ast.AST) -> bool:
    """Whether it only names a type: ``Report = Callable[...]``, ``Ids = tuple[int, int]``, ``A = B | C``."""
    if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
        return False
    name = node.targets[0].id.lstrip("_")
    return name[:1].isupper() and not name.isupper()


def _of(node: ast.AST) -> Iterator[Change]:
    """What is done to this very node."""
    if isinstance(node, ast.expr):
        yield from _of_expression(node)
    elif isinstance(node, ast.stmt):
        yield from _of_statement(node)
    elif isinstance(node, ast.ExceptHandler) and node.type is not None:
        yield node.type, "()"
        if isinstance(node.type, ast.Tuple):
            yield from _without_elements(node.type)
    elif isinstance(node, ast.comprehension):
        yield from ((test, "True") for test in node.ifs)


def _of_expression(node: ast.expr) -> Iterator[Change]:
    match node:
        case ast.Compare():
            yield from _of_comparison(node)
        case ast.BoolOp():
            yield from _of_condition(node)
        case ast.UnaryOp(ast.Not() | ast.USub() | ast.Invert(), operand):
            yield node, _text(operand)
        case ast.BinOp(left, operator, right):
            yield node, _text(ast.BinOp(left, _ARITHMETIC[type(operator)](), right))
            if isinstance(operator, ast.BitOr | ast.BitAnd):
                yield node, _text(left)
                yield node, _text(right)
        case ast.IfExp(test, body, orelse):
            yield node, _text(ast.IfExp(test, orelse, body))
        case ast.Set():
            yield from _without_elements(node)
        case ast.Call(function, arguments, keywords):
            for place, keyword in enumerate(keywords):
                if keyword.arg in _AIMING:
                    yield node, _text(ast.Call(function, arguments, keywords[:place] + keywords[place + 1 :]))
        case ast.Constant(value):
            yield from _of_constant(node, value)


def _of_comparison(node: ast.Compare) -> Iterator[Change]:
    for place, operator in enumerate(node.ops):
        for other in _COMPARISONS[type(operator)]:
            changed = [*node.ops[:place], other(), *node.ops[place + 1 :]]
            yield node, _text(ast.Compare(node.left, changed, node.comparators))
    for side in node.comparators:
        if isinstance(side, ast.Tuple):
            yield from _without_elements(side)


def _of_condition(node: ast.BoolOp) -> Iterator[Change]:
    yield node, _text(ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values))
    for place in range(len(node.values)):
        rest = node.values[:place] + node.values[place + 1 :]
        yield node, _text(rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest))


def _of_constant(node: ast.Constant, value: object) -> Iterator[Change]:
    match value:
        case bool():
            yield node, str(not value)
        case int() | float():
            yield node, str(value + 1)
        case bytes():
            yield node, repr(b"" if value else b"mutant")


def _of_statement(node: ast.stmt) -> Iterator[Change]:
    match node:
        case ast.Expr(ast.Constant(str())):
            return
        case ast.Expr(ast.Yield() | ast.YieldFrom()):
            return
        case ast.Expr() | ast.Raise() | ast.Delete() | ast.AugAssign():
            yield node, "pass"
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield node, "pass"
        case ast.Return(value) if value is not None and not _is_none(value):
            yield node, "return None"
        case ast.Return(None):
            yield node, "pass"
        case ast.If(test) if not isinstance(test, ast.Compare) or len(test.ops) > 1:
            yield test, _text(test.operand if isinstance(test, ast.UnaryOp) else ast.UnaryOp(ast.Not(), test))
        case ast.While(test):
            yield test, "False"
        case ast.Continue():
            yield node, "break"
        case ast.Break():
            yield node, "continue"
    if isinstance(node, ast.AugAssign):
        other = ast.AugAssign(node.target, _ARITHMETIC[type(node.op)](), node.value)
        yield node, ast.unparse(ast.fix_missing_locations(other))


def _without_elements(node: ast.Tuple | ast.Set) -> Iterator[Change]:
    for place in range(len(node.elts) if len(node.elts) > 1 else 0):
        rest = node.elts[:place] + node.elts[place + 1 :]
        yield node, _text(ast.Set(rest) if isinstance(node, ast.Set) else ast.Tuple(rest, ast.Load()))


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _text(node: ast.expr) -> str:
    return f"({ast.unparse(ast.fix_missing_locations(node))})"
