"""Several loops: ReactorGroup in threads, Prefork in processes."""
