"""The daemon's log: what an entry is, the file it goes to, and how logging is set up."""
