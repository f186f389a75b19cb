/*
 * effects.h - what a text may do to its session.
 */
#ifndef PGWEIR_ROUTE_EFFECTS_H
#define PGWEIR_ROUTE_EFFECTS_H

#include "route/verdict.h"

/* Fills in VERDICT's effects, once its kind is known. */
void effects_judge(struct verdict *verdict);

#endif
