"""The hello-name server and its client: ``python3 -m samples.hello_name --help``.

A client sends names, one a line; the server answers ``Hello NAME``. ``handler.py`` is the service, ``server.py`` runs
it on any reactor, ``client.py`` talks to it, ``demo.py`` shows all four at work, ``compare.py`` measures them.
"""
