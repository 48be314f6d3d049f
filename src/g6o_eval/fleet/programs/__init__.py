"""The g6o programs: one subject per file, in the order Signature, Program, build_example, metric, CONSTRAINTS, EVAL."""
