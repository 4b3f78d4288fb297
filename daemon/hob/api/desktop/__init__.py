"""The routes of the desktop: its orders, its replies, and its recent answers."""
