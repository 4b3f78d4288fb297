"""Plugins that come with installed packages."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fakes.plugin_driver import Driver, error_of, text_of

CODE = """
from pathlib import Path
Path({mark!r}).write_text("imported")
from hob.plugins import Action, hookimpl

@hookimpl
def register_actions():
    return [Action("foreign", "Foreign", lambda run: "far away")]
"""


@pytest.fixture
def mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that is there once the package's module was imported."""
    site, mark = tmp_path / "site", tmp_path / "imported"
    info = site / "foreign-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(
        f"[hob]\nforeign = foreign_plugin\nBad/One = nothing\nodd = 1 + 1\n{'x' * 65} = nothing\n"
    )
    (site / "foreign_plugin.py").write_text(CODE.format(mark=str(mark)))
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(site))))
    )
    return mark


def test_a_package_is_off_and_not_imported_until_it_is_enabled(tmp_path: Path, mark: Path) -> None:
    with Driver(tmp_path) as host:
        info = host.plugin("foreign", "off")
        assert (info.source, info.version, info.enabled) == ("package", "1.2", False)
        assert info.path == "foreign_plugin"
        assert error_of(host.run("foreign")).code == "action_not_found"
        assert not mark.exists()
        assert host.manage("enable", "foreign") is None
        host.plugin("foreign", "on")
        assert text_of(host.run("foreign")) == "far away"
        assert mark.exists()
    # It is remembered.
    with Driver(tmp_path) as host:
        assert host.plugin("foreign", "on").enabled


def test_reloading_reads_the_package_anew(tmp_path: Path, mark: Path) -> None:
    (tmp_path / "plugins.toml").write_text("[plugin.foreign]\nenabled = true\n")
    with Driver(tmp_path) as host:
        host.plugin("foreign", "on")
        file = tmp_path / "site" / "foreign_plugin.py"
        file.write_text(file.read_text().replace("far away", "nearer than before"))
        assert host.manage("reload", "foreign") is None
        assert text_of(host.run("foreign")) == "nearer than before"


def test_a_name_that_is_none_is_listed_and_never_loaded(tmp_path: Path, mark: Path) -> None:
    with Driver(tmp_path) as host:
        for name in ("Bad/One", "x" * 64):
            assert host.plugin(name, "off").source == "package"
            refused = host.manage("enable", name)
            assert refused is not None
            assert "name" in refused.message
        assert not mark.exists()
