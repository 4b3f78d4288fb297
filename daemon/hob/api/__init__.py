"""The HTTP API: one application behind the socket and TCP, a module per dialect and resource."""
