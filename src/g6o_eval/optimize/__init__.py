"""The compile loop and what proposes programs to it."""
