"""The icon in the panel: what it shows, its menu, and what the menu's commands do."""
