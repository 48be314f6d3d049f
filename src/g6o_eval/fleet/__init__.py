"""The first application: telemetry of a fleet of coding agents → Examples → the g6o programs."""
