"""What a person sees: one process with the tray icon, the windows, the hotkeys and the clipboard.

A device of the daemon: it talks over the socket alone, and holds no state worth losing.
"""

from hob.desktop.immortal import keep_singletons

# Before any part can import Qt.
keep_singletons()
