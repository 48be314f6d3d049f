"""Prompts: constraints written in, messages as text, what consumers read, state that loads loudly."""
