"""Folders: many pictures in, a tree of results out, whatever happens in between.

`plan.plan` says what is to be done and refuses what would go wrong; a `runner.Run` does it, and another one after it was killed
ends with the same tree; `watch.watch` goes on for ever. Nothing is imported here: planning alone is light.
"""
