from collections.abc import Callable
from typing import Any, TypeVar

View = TypeVar("View", bound=Callable[..., Any])


def content_page(view: View) -> View:
    """Marks a view whose page depends on the content and its address alone, so that it may be kept and shown to all.

    What such a page shows may change with the content or at a moment that `clinic.page_cache.next_change` knows.
    """
    view.is_content_page = True  # type: ignore[attr-defined] # a mark for the page cache
    return view
