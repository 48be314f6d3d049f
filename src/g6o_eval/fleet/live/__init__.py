"""Following the agents' server: events as they come, and sessions when they settle."""
