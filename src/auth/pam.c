/*
 * auth/pam.c - passwords checked by PAM (pam(3), pam_conv(3)).
 */
#include "auth/pam.h"

#ifdef HAVE_PAM
#include <security/pam_appl.h>
#include <stdlib.h>
#include <string.h>

static void
pam_free_answers(struct pam_response *answers, int count)
{
	for (int i = 0; i < count; i++) {
		if (answers[i].resp != NULL)
			explicit_bzero(answers[i].resp, strlen(answers[i].resp));
		free(answers[i].resp);
	}
	free(answers);
}

/* The library frees what it is answered.  What a module only says is passed over. */
static int
pam_converse(int count, const struct pam_message **asked, struct pam_response **answers, void *context)
{
	const struct pam_question *question = context;
	struct pam_response *given;

	if (count < 1 || count > PAM_MAX_NUM_MSG)
		return PAM_CONV_ERR;
	given = calloc((size_t)count, sizeof(*given));
	for (int i = 0; given != NULL && i < count; i++) {
		int style = asked[i]->msg_style;

		if (style == PAM_ERROR_MSG || style == PAM_TEXT_INFO)
			continue;
		if (style == PAM_PROMPT_ECHO_OFF)
			given[i].resp = strdup(question->password);
		if (given[i].resp == NULL) {
			pam_free_answers(given, count);
			return PAM_CONV_ERR;
		}
	}
	*answers = given;
	return given != NULL ? PAM_SUCCESS : PAM_BUF_ERR;
}

static enum verify_result
pam_result(pam_handle_t *handle, int code, const char *step, struct bytes *why)
{
	switch (code) {
	case PAM_SUCCESS:
		return VERIFY_OK;
	case PAM_AUTH_ERR:
	case PAM_USER_UNKNOWN:
	case PAM_MAXTRIES:
	case PAM_PERM_DENIED:
	case PAM_ACCT_EXPIRED:
	case PAM_NEW_AUTHTOK_REQD:
	case PAM_CRED_INSUFFICIENT:
		bytes_format(why, "%s: %s", step, pam_strerror(handle, code));
		return VERIFY_REFUSED;
	default:
		bytes_format(why, "%s: %s", step, pam_strerror(handle, code));
		return VERIFY_FAILED;
	}
}

static enum verify_result
pam_ask(pam_handle_t *handle, const struct pam_question *question, struct bytes *why)
{
	enum verify_result result =
	    pam_result(handle, pam_set_item(handle, PAM_RHOST, question->remote_host), "pam_set_item", why);

	if (result == VERIFY_OK)
		result = pam_result(
		    handle, pam_authenticate(handle, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK), "pam_authenticate", why);
	if (result == VERIFY_OK)
		result = pam_result(handle, pam_acct_mgmt(handle, PAM_SILENT), "pam_acct_mgmt", why);
	return result;
}

enum verify_result
pam_verify(const struct pam_question *question, struct bytes *why)
{
	/* The cast drops const only on the way to pam_converse. */
	struct pam_conv conversation = {.conv = pam_converse, .appdata_ptr = (void *)(uintptr_t)question};
	const char *directory = question->directory;
	enum verify_result result;
	pam_handle_t *handle = NULL;
	int code;

	if (question->password[0] == '\0') {
		bytes_chars(why, "the password is empty");
		return VERIFY_REFUSED;
	}
	if (directory != NULL && directory[0] != '\0')
		code = pam_start_confdir(question->service, question->user, &conversation, directory, &handle);
	else
		code = pam_start(question->service, question->user, &conversation, &handle);
	result = pam_result(handle, code, "pam_start", why);
	if (result == VERIFY_OK)
		result = pam_ask(handle, question, why);
	if (handle != NULL)
		pam_end(handle, result == VERIFY_OK ? PAM_SUCCESS : PAM_AUTH_ERR);
	return result;
}

#else

enum verify_result
pam_verify(const struct pam_question *question, struct bytes *why)
{
	(void)question;
	bytes_chars(why, "this build has no PAM");
	return VERIFY_FAILED;
}

#endif
