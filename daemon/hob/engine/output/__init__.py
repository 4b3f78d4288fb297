"""From the bytes of tokens to what the client gets: text, thoughts and tool calls."""
