"""Made-up telemetry from a seed, with the truth beside it. Nothing in it was recorded."""
