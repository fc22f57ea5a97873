"""Several processes: what peers see of each other, alive, stopped and dead."""
