"""Reports: runs in, text out. Nothing here reads a store, a clock or the environment."""
