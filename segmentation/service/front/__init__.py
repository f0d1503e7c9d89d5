"""What a worker does with a request: answers it on the event loop, or hands it to Flask.

                      ┌─ plain predictions, health: at once, on the loop
connection ─► front ──┤
(server/)             └─ the rest ─► flask_gateway ══► flask_process: threads ─► Flask
                                                  (another process)
"""
