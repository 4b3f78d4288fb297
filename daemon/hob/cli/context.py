"""What every command is given: where things are, and a client of the daemon."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import click

from hob.client import Client
from hob.paths import Paths, find_paths


@dataclass(frozen=True)
class App:
    """The object of click's context."""

    paths: Paths
    environ: Mapping[str, str]

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> App:
        return cls(find_paths(environ), environ)

    def client(self, timeout: float = 10.0) -> Client:
        """A client of the daemon, whether it runs or not."""
        return Client(self.paths.socket, timeout)


no_start_option = click.option(
    "--no-start", is_flag=True, help="Do not start the daemon when it is not running."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
