/*
 * config/rows.c - making, copying and freeing the rows of [databases], [users]
 * and [peers].  Their plain fields are handled by their key tables.
 */
#include "rows.h"

#include <stdlib.h>
#include <string.h>

#include "setting.h"

struct database_config *
database_config_new(const char *name)
{
	struct database_config *database = memory_new(sizeof(*database));

	setting_unset_all(setting_database_keys(), database);
	database->name = text_copy(name);
	return database;
}

struct user_config *
user_config_new(const char *name)
{
	struct user_config *user = memory_new(sizeof(*user));

	setting_unset_all(setting_user_keys(), user);
	user->name = text_copy(name);
	return user;
}

struct peer_config *
peer_config_new(int id)
{
	struct peer_config *peer = memory_new(sizeof(*peer));

	setting_unset_all(setting_peer_keys(), peer);
	peer->id = id;
	return peer;
}

static void
database_config_own_lists(struct database_config *database)
{
	database->hosts = memory_copy(database->hosts, database->host_count * sizeof(*database->hosts));
	database->ports = memory_copy(database->ports, database->host_count * sizeof(*database->ports));
	database->parameters =
	    memory_copy(database->parameters, database->parameter_count * sizeof(*database->parameters));
	for (unsigned i = 0; i < database->host_count; i++)
		database->hosts[i] = text_copy(database->hosts[i]);
	for (unsigned i = 0; i < database->parameter_count; i++) {
		database->parameters[i].name = text_copy(database->parameters[i].name);
		database->parameters[i].value = text_copy(database->parameters[i].value);
	}
}

struct database_config *
database_config_copy(const struct database_config *old)
{
	struct database_config *database = memory_copy(old, sizeof(*old));

	memset(&database->hh, 0, sizeof(database->hh));
	database->name = text_copy(old->name);
	setting_own_all(setting_database_keys(), database);
	database_config_own_lists(database);
	return database;
}

struct user_config *
user_config_copy(const struct user_config *old)
{
	struct user_config *user = memory_copy(old, sizeof(*old));

	memset(&user->hh, 0, sizeof(user->hh));
	user->name = text_copy(old->name);
	user->secret = text_copy(old->secret);
	setting_own_all(setting_user_keys(), user);
	return user;
}

struct peer_config *
peer_config_copy(const struct peer_config *old)
{
	struct peer_config *peer = memory_copy(old, sizeof(*old));

	memset(&peer->hh, 0, sizeof(peer->hh));
	setting_own_all(setting_peer_keys(), peer);
	return peer;
}

static void
rows_wipe(char *secret)
{
	if (secret != NULL)
		explicit_bzero(secret, strlen(secret));
}

void
database_config_free(struct database_config *database)
{
	for (unsigned i = 0; i < database->host_count; i++)
		free(database->hosts[i]);
	for (unsigned i = 0; i < database->parameter_count; i++) {
		free(database->parameters[i].name);
		free(database->parameters[i].value);
	}
	free(database->hosts);
	free(database->ports);
	free(database->parameters);
	free(database->name);
	rows_wipe(database->password);
	setting_free_all(setting_database_keys(), database);
	free(database);
}

void
user_config_free(struct user_config *user)
{
	free(user->name);
	rows_wipe(user->secret);
	free(user->secret);
	setting_free_all(setting_user_keys(), user);
	free(user);
}

void
peer_config_free(struct peer_config *peer)
{
	setting_free_all(setting_peer_keys(), peer);
	free(peer);
}
