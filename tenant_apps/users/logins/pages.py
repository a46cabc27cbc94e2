"""The pages where one signs in to the portal, and out of it."""

from typing import Any

from django import forms
from django.contrib.auth import views
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters

from shared_apps.tenants import limits


class SignInForm(AuthenticationForm):
    """E-mail and password."""

    username = forms.EmailField(
        label=_("E-mail"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    error_messages = {
        "invalid_login": _("There is nobody here with this e-mail and password."),
        "inactive": _("There is nobody here with this e-mail and password."),
    }


class SignInView(views.LoginView):
    """Sign in, and go on to where one was sent from; tries are counted as the API's are."""

    form_class = SignInForm
    template_name = "users/sign_in.html"
    next_page = "/"
    redirect_authenticated_user = True
    http_method_names = ["get", "head", "post", "options"]

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Sign in, unless it was tried too often."""
        try:
            limits.count("login", request, request.POST.get("username", ""))
        except (limits.TooOften, limits.LimitsUnavailable) as error:
            form = SignInForm(initial={"username": request.POST.get("username", "")})
            return self._refused(form, error)
        return super().post(request, *args, **kwargs)

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        """Show what is wrong."""
        return self.render_to_response(self.get_context_data(form=form), status=400)

    def _refused(self, form: SignInForm, error: Exception) -> HttpResponse:
        is_often = isinstance(error, limits.TooOften)
        context = self.get_context_data(form=form, refused=str(error))
        answer = self.render_to_response(context, status=429 if is_often else 503)
        if isinstance(error, limits.TooOften):
            answer["Retry-After"] = str(error.seconds)
        return answer


sign_in = sensitive_post_parameters("password")(SignInView.as_view())
sign_out = views.LogoutView.as_view(next_page="/")
