"""Mistakes that the text of a program shows, and that no run does for certain."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from nio.doctor._finding import Finding
from nio.doctor._place import Place
from nio.doctor._rules import found

_WAITS = {"select", "ready_keys", "turn", "call_later", "call_at"}


def lint(path: str) -> list[Finding]:
    """B10 and P04; nothing for what is no text of Python, or does not import nio."""
    try:
        tree = ast.parse(Path(path).read_text(encoding="utf-8"), path)
    except (OSError, SyntaxError, ValueError):
        return []
    nodes = list(ast.walk(tree))
    if not any("nio" in name for node in nodes for name in _imported(node)):
        return []
    return [finding for node in nodes for finding in _signed(node, path)] + [
        finding for node in nodes for finding in _wall_clock(node, path)
    ]


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [(node.module or "").partition(".")[0]]
    return [alias.name.partition(".")[0] for alias in node.names] if isinstance(node, ast.Import) else []


def _signed(node: ast.AST, path: str) -> Iterator[Finding]:
    match node:
        case ast.Compare(
            left=ast.Call(func=ast.Attribute(attr="get"), args=[] | [ast.Constant(value=int())]),
            ops=[ast.Eq() | ast.NotEq()],
            comparators=[ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(number)))],
        ):
            text = f"get() is compared with -{number}, and gives 0 to 255."
            yield found("B10", text, Place(path, node.lineno))


def _wall_clock(node: ast.AST, path: str) -> Iterator[Finding]:
    match node:
        case ast.Call(func=ast.Attribute(attr=name)) if name in _WAITS:
            for inner in ast.walk(node):
                match inner:
                    case ast.Call(func=ast.Attribute(value=ast.Name(id="time"), attr="time")):
                        text = f"The time that {name}() waits is computed from time.time(), which can be set."
                        yield found("P04", text, Place(path, node.lineno))
                        return
