"""Language models: who plays a role, what it may spend, and the one that needs no network."""
