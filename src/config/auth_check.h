/*
 * auth_check.h - whether the settings of authentication fit together.  Private to config/.
 */
#ifndef PGWEIR_CONFIG_AUTH_CHECK_H
#define PGWEIR_CONFIG_AUTH_CHECK_H

#include "base/bytes.h"
#include "config/snapshot.h"

/* NULL, or the setting at fault; WHY then says what is wrong with it (a NUL that is not counted follows). */
const char *auth_check(const struct settings *set, struct bytes *why);

#endif
