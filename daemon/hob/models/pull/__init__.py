"""Getting models from the web."""
