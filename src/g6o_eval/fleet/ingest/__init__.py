"""Log formats → Sessions → rows. One format per file; what all of them share stands beside it."""
