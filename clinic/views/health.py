from datetime import timedelta

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from clinic.models import WorkerHeartbeat

STILL_ALIVE = timedelta(seconds=90)


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok", content_type="text/plain")


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """The database answers, is migrated, and a worker was alive in the last 90 seconds; else 503 and which is not."""
    missing = _first_missing()
    return HttpResponse(missing or "ok", status=503 if missing else 200, content_type="text/plain")


def _first_missing() -> str:
    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return "migrations"
        alive = WorkerHeartbeat.objects.filter(beat_at__gt=timezone.now() - STILL_ALIVE).exists()
    except DatabaseError:
        return "database"
    return "" if alive else "worker"
