"""The fleet's commands of g6o-eval, one per module."""
