"""A store that redis-cli and redis-benchmark talk to: python3 -m samples.resp_store [port], and in other terminals

    redis-cli -p 9907 set greeting hello ex 60     also get, del, exists, incr, expire, ttl, dbsize, ping, echo, quit
    redis-cli -p 9907 subscribe news               and in one more: redis-cli -p 9907 publish news hello
    redis-benchmark -p 9907 -t set,get -P 16 -q

What a client pipelines is answered with one send. A request that is none gets an error, and its connection ends.
"""
