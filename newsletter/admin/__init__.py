from newsletter.admin import subscriber

__all__ = ["subscriber"]
