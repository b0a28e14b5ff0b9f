"""What hangs on a key: Handler, from which all derive, Acceptor, Connector, DatagramHandler."""
