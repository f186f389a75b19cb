/*
 * config/built.h - what this program was built with.
 */
#ifndef PGWEIR_CONFIG_BUILT_H
#define PGWEIR_CONFIG_BUILT_H

#include "config/snapshot.h"

/* The library that a way to authenticate needs and this build has not ("PAM", "LDAP"); NULL when nothing is missing. */
const char *built_without(enum auth_type type);

#endif
