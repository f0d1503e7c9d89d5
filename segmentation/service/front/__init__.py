"""What a worker does with a request: answers it on the event loop, or hands it to Flask.

                      ┌─ plain predictions, health: at once, on the loop
connection ─► front ──┤
(server/)             └─ the rest ─► flask_pool: threads, files on threads of their own ─► Flask
"""
