"""Jinja for strangers' templates."""

from __future__ import annotations

import json
from typing import Any

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Refusal(TemplateError):
    """The template has called raise_exception: it does not want this conversation."""


class LimitExceeded(TemplateError):
    """The template takes too long or makes too much."""


class SandboxedTemplate:
    """A compiled template that may be rendered by one thread at a time."""

    def __init__(self, source: str) -> None:
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        environment.filters["tojson"] = _to_json
        environment.globals["raise_exception"] = _refuse
        self._template = environment.from_string(source)

    def render(self, **values: Any) -> str:
        return self._template.render(**values)


def _refuse(message: object) -> None:
    raise Refusal(str(message))


def _to_json(value: object, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)
