"""A connection's life: bytes (Connection), records above them (StreamHandler), and the parts both are made of."""
