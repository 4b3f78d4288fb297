"""One process per loaded model: started, watched, restarted and ended here.

`pool` is its face: requests wait in `seat`s, `room` shares places and memory among them, and
`process` holds one actor per worker. `policy`, `room_plan`, `memory` and `lifecycle` are the
decisions, pure; `link` and `spawn` are the pipes and the child. `changes` and `guard` look after
the models' files, `pressure` after other programs.
"""
