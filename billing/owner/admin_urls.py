from django.urls import path

from . import admin

urlpatterns = [
    path("", admin.billing_page),
    path("change/", admin.change_page),
    path("portal/", admin.customer_portal),
    path("cancel/", admin.cancel),
    path("resume/", admin.resume),
]
