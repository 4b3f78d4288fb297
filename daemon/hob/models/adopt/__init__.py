"""Models of other programs, used where they lie: nothing of theirs is ever moved or changed."""
