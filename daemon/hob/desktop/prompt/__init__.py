"""The prompt window: a question, its answer as it comes, and what follows from it.

`window` joins the parts. What is decided stands in modules without Qt (conversation, attachments,
markdown, questions, states, links, commands); the rest shows it.
"""
