"""`hob doctor`: is the installation well, and what would make it better?"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

import click

from hob.cli.context import App, json_option
from hob.cli.doctor_checks import examine
from hob.cli.doctor_finding import Finding
from hob.cli.doctor_system import System
from hob.cli.exit_codes import ExitCode
from hob.cli.formatting import print_json
from hob.cli.sanitize import clean, one_line
from hob.wire.base import Body

_COLOURS = {"ok": "green", "warning": "yellow", "problem": "red"}


class Report(Body, frozen=True):
    ok: bool
    findings: tuple[Finding, ...]


@click.command()
@json_option
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Check the installation and say what to do.

    Ends with code 1 when there is a problem; warnings alone are no problem.
    """
    app = ctx.find_object(App)
    assert app is not None
    findings = []
    for finding in examine(System(app)):
        findings.append(finding)
        if not as_json:
            _show(finding)
    problems = _count(findings, "problem")
    if as_json:
        print_json(Report(ok=problems == 0, findings=tuple(findings)))
    else:
        click.echo(f"\n{_summary(problems, _count(findings, 'warning'))}")
    if problems:
        ctx.exit(ExitCode.FAILED)


def _show(finding: Finding) -> None:
    level = click.style(f"{finding.level:<8}", fg=_COLOURS[finding.level])
    click.echo(f"{level} {finding.check:<22} {one_line(finding.message)}")
    if finding.hint:
        # Never wrapped: it may hold a command to copy.
        click.echo(textwrap.indent(clean(finding.hint), " " * 32))


def _count(findings: Iterable[Finding], level: str) -> int:
    return sum(finding.level == level for finding in findings)


def _summary(problems: int, warnings: int) -> str:
    if not problems and not warnings:
        return "All is well."
    return f"Problems: {problems}, warnings: {warnings}."
