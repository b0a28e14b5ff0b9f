"""What hangs on a key: Handler, which everything derives from, Acceptor and Connector."""
