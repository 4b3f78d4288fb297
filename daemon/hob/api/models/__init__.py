"""/hob/v1/models: the library over HTTP."""
