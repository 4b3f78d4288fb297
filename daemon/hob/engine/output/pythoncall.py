"""Tool calls as Python writes them: [get_weather(city="Paris", days=3), get_time()]."""

from __future__ import annotations

import ast
import json

MAX_CHARS = 16_384


def parse_calls(text: str) -> list[tuple[str, str]]:
    """(name, arguments as JSON) of each call; empty when the text is anything but calls with
    literal, named arguments. Nothing is evaluated."""
    if len(text) > MAX_CHARS:
        return []
    try:
        body = ast.parse(text.strip(), mode="eval").body
        calls = body.elts if isinstance(body, (ast.List, ast.Tuple)) else [body]
        return [_call(call) for call in calls]
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return []


def _call(node: ast.expr) -> tuple[str, str]:
    """Raises ValueError or TypeError for what is no such call."""
    if not isinstance(node, ast.Call) or node.args:
        raise ValueError("not a call with named arguments")
    values = {}
    for keyword in node.keywords:
        if keyword.arg is None:
            raise ValueError("arguments in a dict")
        values[keyword.arg] = _value(keyword.value)
    return _name(node.func), json.dumps(values, ensure_ascii=False, allow_nan=False)


def _name(node: ast.expr) -> str:
    """A name, which may have dots."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_name(node.value)}.{node.attr}"
    raise ValueError("not a name")


def _value(node: ast.expr) -> object:
    """A literal; some models write JSON's words for Python's."""
    words = {"true": True, "false": False, "null": None}
    match node:
        case ast.Name(id=word) if word in words:
            return words[word]
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_value(item) for item in items]
        case ast.Dict(keys=keys, values=values):
            return {str(_value(k)): _value(v) for k, v in zip(keys, values, strict=True) if k}
    return ast.literal_eval(node)
