"""The service: Dagster's page behind a guard, its daemon, and the mending of what a crash left."""
