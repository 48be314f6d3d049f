"""The database of the agents' daemon, read and never written."""
