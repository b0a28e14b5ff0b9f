"""T07: a job waits for another job of its own pool.

Symptom: when all workers do so, nobody is left to run the others: everything stands still.
Fix: chain with add_done_callback(), or give the inner jobs a pool of their own.
"""

from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late

with ThreadPoolExecutor(1) as pool:

    def outer():
        try:
            return pool.submit(len, "inner").result(0.1)  # the mistake
        except Late:
            return None

    pool.submit(outer).result()
