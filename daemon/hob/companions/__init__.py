"""The processes that live beside the daemon: the one that runs the plugins, and the desktop."""
