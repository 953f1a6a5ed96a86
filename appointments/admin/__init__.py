from appointments.admin import panels, request

__all__ = ["panels", "request"]
