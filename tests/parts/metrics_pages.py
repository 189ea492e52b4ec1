"""The metrics pages of software that is too big to run here, written after its source and documentation.

n8n            https://github.com/n8n-io/n8n/blob/master/packages/cli/src/metrics/prometheus/queue-metrics.service.ts
               https://docs.n8n.io/hosting/configuration/configuration-examples/prometheus/
vLLM           https://github.com/vllm-project/vllm/blob/main/vllm/v1/metrics/loggers.py
celery-exporter  https://github.com/danihodovic/celery-exporter/blob/master/src/exporter.py (names and labels), cli.py
               (`--purge-offline-worker-metrics`)

prom-client and prometheus_client write a counter with labels as its declaration alone until it has counted something,
and the latter appends `_total` to a counter's name.
"""

_PYTHON = """# HELP python_info Python platform information
# TYPE python_info gauge
python_info{implementation="CPython",major="3",minor="12",patchlevel="3",version="3.12.3"} 1.0
"""


def n8n(waiting: int, completed: int) -> bytes:
    """A main instance in queue mode. It reads the numbers from Bull every `N8N_METRICS_QUEUE_METRICS_INTERVAL` s."""
    return f"""# HELP n8n_version_info n8n version info.
# TYPE n8n_version_info gauge
n8n_version_info{{version="v1.97.1",major="1",minor="97",patch="1"}} 1

# HELP n8n_scaling_mode_queue_jobs_waiting Current number of enqueued jobs waiting for pickup in scaling mode.
# TYPE n8n_scaling_mode_queue_jobs_waiting gauge
n8n_scaling_mode_queue_jobs_waiting {waiting}

# HELP n8n_scaling_mode_queue_jobs_active Current number of jobs being processed across all workers in scaling mode.
# TYPE n8n_scaling_mode_queue_jobs_active gauge
n8n_scaling_mode_queue_jobs_active 1

# HELP n8n_scaling_mode_queue_jobs_completed Total number of jobs completed across all workers in scaling mode since \
instance start.
# TYPE n8n_scaling_mode_queue_jobs_completed counter
n8n_scaling_mode_queue_jobs_completed {completed}

# HELP n8n_scaling_mode_queue_jobs_failed Total number of jobs failed across all workers in scaling mode since \
instance start.
# TYPE n8n_scaling_mode_queue_jobs_failed counter
n8n_scaling_mode_queue_jobs_failed 0
""".encode()


def vllm(running: int, waiting: int, tokens: int) -> bytes:
    """An engine of version 1."""
    labels = '{engine="0",model_name="Qwen/Qwen3-8B"}'
    return f"""{_PYTHON}# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{labels} {running}.0
# HELP vllm:num_requests_waiting Number of requests waiting to be processed.
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{labels} {waiting}.0
# HELP vllm:prompt_tokens_total Number of prefill tokens processed.
# TYPE vllm:prompt_tokens_total counter
vllm:prompt_tokens_total{labels} 91230.0
# HELP vllm:generation_tokens_total Number of generation tokens processed.
# TYPE vllm:generation_tokens_total counter
vllm:generation_tokens_total{labels} {tokens}.0
""".encode()


def celery_exporter(succeeded: int | None) -> bytes:
    """One task on one worker; None: no task has been seen yet, or the worker's series have been dropped."""
    labels = '{hostname="worker-1",name="jobs.work",queue_name="celery"}'
    series = "" if succeeded is None else f"celery_task_succeeded_total{labels} {succeeded}.0\n"
    return f"""# HELP celery_task_started_total Sent just before the worker executes the task.
# TYPE celery_task_started_total counter
# HELP celery_task_succeeded_total Sent if the task executed successfully.
# TYPE celery_task_succeeded_total counter
{series}# HELP celery_worker_up Indicates if a worker has recently sent a heartbeat.
# TYPE celery_worker_up gauge
celery_worker_up{{hostname="worker-1"}} 1.0
""".encode()
