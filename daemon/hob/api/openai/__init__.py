"""The OpenAI dialect under /v1: requests, routes and replies."""
