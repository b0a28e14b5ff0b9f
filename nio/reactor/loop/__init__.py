"""One thread: selection, dispatch, timers, ticks, workers. It knows no handler class, no framing and no connection."""
