"""Settings: defaults, then config.toml, then HOB_<SECTION>_<KEY>, then flags; frozen once."""

from hob.config.edit import set_value, unset_value
from hob.config.load import load_config
from hob.config.surroundings import CliConfig, DesktopConfig
from hob.config.values import ApiConfig, Config, DaemonConfig, EngineConfig, ModelsConfig

__all__ = [
    "ApiConfig",
    "CliConfig",
    "Config",
    "DaemonConfig",
    "DesktopConfig",
    "EngineConfig",
    "ModelsConfig",
    "load_config",
    "set_value",
    "unset_value",
]
