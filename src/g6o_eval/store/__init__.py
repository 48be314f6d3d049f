"""The store: one port, its engines, and what is kept in it."""
