"""The process that runs the plugins: `python -m hob.plugins.host` on stdin and stdout."""
