from django.urls import path

from . import views

urlpatterns = [
    path("", views.BillingView.as_view(), name="billing"),
    path("preview/", views.PreviewView.as_view()),
    path("change/", views.ChangeView.as_view()),
    path("checkout/", views.CheckoutView.as_view()),
    path("portal/", views.CustomerPortalView.as_view()),
    path("cancel/", views.CancelView.as_view()),
    path("resume/", views.ResumeView.as_view()),
    path("invoices/", views.InvoicesView.as_view()),
]
