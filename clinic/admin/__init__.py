from clinic.admin import catalogue, image, letter, panels, practice, user

__all__ = ["catalogue", "image", "letter", "panels", "practice", "user"]
