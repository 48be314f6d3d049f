"""The verbs of the line: judge, compile, promote, roll back; each takes values and returns one."""
