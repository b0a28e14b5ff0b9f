"""What hangs on a key: Handler, which everything derives from, and Acceptor."""
