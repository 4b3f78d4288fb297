"""Jinja as the authors of chat templates expect it, and safe against them.

Jinja's sandbox stops code execution. This one also bounds time and memory (limits.py): operators,
filters, methods and literals that make something large pass a check first, and only the filters
and text methods that chat templates use exist at all.
"""

# Templates compute with values of any type, and node visitors are named after their nodes.
# ruff: noqa: ANN401, N802

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from hob.engine.prompts.limits import Budget, LimitExceeded

MAX_SOURCE = 500_000
_MOST_COUNT = 1_000
_MOST_INDENT = 16

# fmt: off
_FILTERS = frozenset({
    "abs", "capitalize", "count", "d", "default", "dictsort", "e", "escape", "first", "float",
    "format", "groupby", "indent", "int", "items", "join", "last", "length", "list", "lower", "map",
    "max", "min", "reject", "rejectattr", "replace", "reverse", "round", "safe", "select",
    "selectattr", "sort", "string", "title", "tojson", "trim", "unique", "upper",
    "wordcount",
})
_TEXT_METHODS = frozenset({
    "capitalize", "count", "endswith", "find", "format", "format_map", "index", "isalnum",
    "isalpha", "isdecimal", "isdigit", "islower", "isspace", "istitle", "isupper", "join", "lower",
    "lstrip", "partition", "removeprefix", "removesuffix", "replace", "rfind", "rindex",
    "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "swapcase",
    "title", "upper",
})
# fmt: on


class Refusal(TemplateError):
    """The template has called raise_exception: it does not want this conversation."""


class SandboxedTemplate:
    """A compiled template; one thread at a time may render it.

    Raises LimitExceeded, or whatever Jinja raises for a source that is no template.
    """

    def __init__(self, source: str) -> None:
        if len(source) > MAX_SOURCE:
            raise LimitExceeded(f"it is {len(source)} characters long")
        self._environment = _Environment()
        # Compiling computes constant expressions, so it is as dangerous as rendering.
        with self._environment.spending(Budget(MAX_SOURCE * 2)):
            self._template = self._environment.from_string(source)

    def render(self, values: dict[str, Any], largest: int) -> str:
        """`largest` bounds the text and every value on the way to it.

        Raises Refusal, LimitExceeded, or whatever the template's expressions raise.
        """
        with self._environment.spending(Budget(largest)):
            return self._template.render(values)


class _Environment(ImmutableSandboxedEnvironment):
    """Each operation that can make something large is charged to the budget of the moment."""

    intercepted_binops = frozenset(["+", "*", "**", "%"])

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            optimized=False,
            extensions=["jinja2.ext.loopcontrols", _Generation],
            finalize=self._written,
        )
        self._budget = Budget(0)
        self.filters = {
            name: self._guarded(name, function)
            for name, function in {**self.filters, "tojson": _to_json}.items()
            if name in _FILTERS
        }
        del self.globals["lipsum"]
        self.globals["raise_exception"] = _refuse

    @contextmanager
    def spending(self, budget: Budget) -> Iterator[None]:
        self._budget = budget
        with budget.on_this_thread():
            yield

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = Parser(self, source, name, filename).parse()
        _Measured().visit(tree)
        return tree

    def _written(self, value: object) -> object:
        self._budget.charge_value(value)
        return value

    def measured(self, value: object) -> object:
        """A literal list, tuple or dict of the template, once it is known to be small."""
        self._budget.charge_value(value)
        return value

    def concatenated(self, *values: object) -> str:
        """The operator `~`."""
        for value in values:
            self._budget.charge_value(value)
        return self.concat(str(value) for value in values)

    def concat(self, parts: Iterable[str]) -> str:
        """What Jinja joins the pieces of a template, macro or block with."""
        texts = []
        size = 0
        for text in parts:
            size += len(text)
            texts.append(text)
        self._budget.charge(size)
        return "".join(texts)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        match operator:
            case "+":
                self._budget.check_add(left, right)
            case "*":
                self._budget.check_multiply(left, right)
            case "**":
                self._budget.check_power(left, right)
            case "%":
                self._budget.check_format(left, right)
        return super().call_binop(context, operator, left, right)

    def call(self, context: Context, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        owner = getattr(function, "__self__", None)
        if isinstance(owner, (str, bytes)):
            self._check_method(owner, function.__name__, args)
        result = super().call(context, function, *args, **kwargs)
        if isinstance(result, (str, list, tuple, dict)):
            self._budget.charge_value(result)
        return result

    def _check_method(self, owner: str | bytes, name: str, args: tuple[Any, ...]) -> None:
        if name not in _TEXT_METHODS:
            raise LimitExceeded(f"it calls the text method {name}")
        if name == "replace":
            self._budget.check_replace(owner, *args[:2])
        elif name == "join":
            self._budget.check_join(list(*args[:1]), owner)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        wrapped = super().wrap_str_format(value)
        if wrapped is None:
            return None

        def formatted(*args: Any, **kwargs: Any) -> str:
            self._budget.check_format(value.__self__, [args, kwargs])
            return wrapped(*args, **kwargs)

        return formatted

    def _guarded(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The filter with its check before and its result's weight after. Jinja passes some
        filters its context, environment or evaluation state first, told by an attribute."""
        extra = 1 if hasattr(function, "jinja_pass_arg") else 0

        def filtered(*args: Any, **kwargs: Any) -> Any:
            arguments = [*args[extra:], *kwargs.values()]
            arguments[0] = self._check_filter(name, arguments)
            result = function(*args[:extra], arguments[0], *args[extra + 1 :], **kwargs)
            if isinstance(result, (str, list, tuple, dict)):
                self._budget.charge_value(result)
            return result

        if extra:
            filtered.jinja_pass_arg = function.jinja_pass_arg  # type: ignore[attr-defined]
        return filtered

    def _check_filter(self, name: str, arguments: list[Any]) -> Any:
        """Refuse what would be too large; the filter's input, read when it was a generator."""
        value, *options = arguments
        match name:
            case "replace":
                self._budget.check_replace(*arguments[:3])
            case "format":
                self._budget.check_format(value, options)
            case "indent":
                self._budget.check_numbers(options, _MOST_INDENT)
                self._budget.check_replace(value, "\n", "\n" + " " * _MOST_INDENT)
            case "join" if not isinstance(value, str):
                value = list(value)
                self._budget.charge_value(value)
                self._budget.check_join(value, *options[:1])
            case "tojson" | "string":
                if name == "tojson" and isinstance(value, Iterator):
                    # `tools | map(attribute='function') | tojson`
                    value = list(value)
                self._budget.charge_value(value)
                self._budget.check_numbers(options, _MOST_INDENT)
            case _:
                self._budget.check_numbers(options, _MOST_COUNT)
        return value


class _Measured(NodeTransformer):
    """Sends literals and `~` through the environment, where they are measured."""

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        return _call("concatenated", node.nodes, node.lineno)

    def visit_List(self, node: nodes.List) -> nodes.Node:
        self.generic_visit(node)
        return _call("measured", [node], node.lineno)

    def visit_Dict(self, node: nodes.Dict) -> nodes.Node:
        self.generic_visit(node)
        return _call("measured", [node], node.lineno)

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:
        self.generic_visit(node)
        # A tuple is also the target of `for a, b in ...`.
        return _call("measured", [node], node.lineno) if node.ctx == "load" else node


def _call(method: str, arguments: list[nodes.Expr], line: int) -> nodes.Call:
    target = nodes.EnvironmentAttribute(method, lineno=line)
    return nodes.Call(target, arguments, [], None, None, lineno=line)


class _Generation(Extension):
    """`{% generation %}` marks the assistant's words for training; here it only has a body."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _refuse(message: object) -> None:
    raise Refusal(str(message))


def _to_json(
    value: object,
    indent: int | None = None,
    ensure_ascii: bool = False,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """JSON without HTML escaping, as the model has seen it in training."""
    return json.dumps(
        value,
        indent=indent,
        ensure_ascii=ensure_ascii,
        separators=separators,
        sort_keys=sort_keys,
    )
