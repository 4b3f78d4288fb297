"""One process per loaded model: started, watched, restarted and ended here.

`pool` answers requests and decides who may be loaded; `process` holds one actor per worker;
`policy` and `lifecycle` are the decisions, pure; `link` and `spawn` are the pipes and the child.
"""
