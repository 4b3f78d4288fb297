"""From a request to the tokens of its prompt: chat templates in their sandbox, what a person's text
must not do, and what is left out when the prompt does not fit."""
