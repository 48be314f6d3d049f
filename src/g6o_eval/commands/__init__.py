"""The subcommands of g6o-eval, one verb each. Loading one imports neither dspy nor a database driver."""
