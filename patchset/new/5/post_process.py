def post_process(*args, **kwargs):
    """Stand for a worker that begins its work and goes no further.

    A side effect of mocks of ``_spawn_worker()``.
    """
    task = callbacks.find_task(*args, **kwargs)
    if task is not None:
        task.post_process_event()
    return mock.DEFAULT
