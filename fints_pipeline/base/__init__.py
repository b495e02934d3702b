"""Ground floor: config loading, the lake, time, errors. Knows nothing of markets or torch."""
