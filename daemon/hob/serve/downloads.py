"""Fetching models, and the account on the hub that they are fetched with."""

from __future__ import annotations

import os
from collections.abc import Callable

from hob.api.hub_access import KeptHubAccess
from hob.api.keyring_store import KeyringStore, Words
from hob.api.token_store import username_for
from hob.config import Config
from hob.models.pull.pulls import PullOptions, Pulls
from hob.models.registry import Registry
from hob.paths import Paths
from hob.serve.options import home_digest, hub_address
from hob.wire.events import Event


def build_downloads(
    config: Config, paths: Paths, registry: Registry, publish: Callable[[Event], None]
) -> tuple[Pulls, KeptHubAccess]:
    """Each needs the other: downloads the token, and who keeps it asks the hub whose it is."""

    async def whose(token: str) -> str:
        return await pulls.account(token)

    words = Words("the hub's token", "`hob login hf`", "set HF_TOKEN where the daemon starts")
    access = KeptHubAccess(
        KeyringStore(username_for(home_digest(), "hf-token"), words=words),
        whose=whose,
        from_environment=os.environ.get("HF_TOKEN", ""),
    )
    pulls = Pulls(
        PullOptions(
            folder=registry.folder,
            hub=hub_address(config, os.environ),
            record=paths.state_dir / "pulls.json",
        ),
        rescan=registry.rescan,
        at_path=registry.at_path,
        note_digest=registry.note_digest,
        publish=publish,
        token=access.token,
    )
    return pulls, access
