from django.urls import path
from django.views.decorators.http import require_safe

from articles import views
from articles.feeds import ArticleFeed

app_name = "articles"
urlpatterns = [
    path("", views.article_list, name="list"),
    path("feed/", require_safe(ArticleFeed()), name="feed"),
    path("category/<slug:slug>/", views.category, name="category"),
    path("<slug:slug>/", views.article, name="article"),
]
