"""The string literals of Python files as JSON, for tools/texts.mjs: docstrings left out, f-strings with their holes numbered."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path


def text_of(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if not isinstance(node, ast.JoinedStr):
        return None
    holes = iter(range(len(node.values)))
    return "".join(
        part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else f"{{{next(holes)}}}"
        for part in node.values
    )


def texts(file: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []

    def visit(node: ast.AST) -> None:
        # A string that is a statement is a docstring.
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return
        text = text_of(node)
        if text is not None:
            found.append({"file": file, "line": node.lineno, "kind": "code", "text": text})
            return
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(Path(file).read_text(encoding="utf-8")))
    return found


json.dump([text for file in sys.argv[1:] for text in texts(file)], sys.stdout)
