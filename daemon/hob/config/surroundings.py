"""The settings of what is around the daemon: the desktop, the plugins, the command line."""

from typing import Annotated

from hob.config.kinds import Switch
from hob.config.setting import Section, Setting


class DesktopConfig(Section, frozen=True):
    """The tray icon, the windows and the hotkeys."""

    start: Annotated[
        bool,
        Setting("true", Switch(), "Start the desktop with the daemon where there is a screen."),
    ]


class PluginsConfig(Section, frozen=True):
    """Programs of others inside Hob."""

    enabled: Annotated[
        bool,
        Setting(
            "true",
            Switch(),
            "Run plugins, in a process beside the daemon; which of them, `hob plugins` says.",
        ),
    ]


class CliConfig(Section, frozen=True):
    """The `hob` command."""

    autostart: Annotated[
        bool,
        Setting("true", Switch(), "Start the daemon when a command needs it."),
    ]
